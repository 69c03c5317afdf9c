"""Assembly: definitions, staleness and the command line."""
