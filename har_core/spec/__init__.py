"""What a data set is, as one frozen value that travels with its tables and models."""
