"""Models in files that other engines run."""
