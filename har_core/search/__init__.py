"""Hyper-parameter search: trials over inner folds of the subjects that do not test, and what came of them.

It knows nothing of Dagster or MLflow. Optuna chooses what is tried and keeps the study; nothing above this package
sees it.
"""
