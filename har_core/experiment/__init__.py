"""The experiment file: TOML read into settings, with every problem of it named at once."""
