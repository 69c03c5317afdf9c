"""Dagster assets: each fetches, calls one function of the core, and returns with metadata."""
