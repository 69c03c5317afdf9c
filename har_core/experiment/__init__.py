"""The experiment file: reads TOML into settings and reports all its problems at once."""
