"""The science of human-activity recognition on wearable sensors; knows nothing of Dagster or MLflow."""
