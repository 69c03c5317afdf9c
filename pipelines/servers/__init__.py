"""``har ui``: Dagster's and MLflow's servers behind one gate, started together, watched, ended together."""
