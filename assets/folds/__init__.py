"""One asset for each architecture, with a partition for each fold of the evaluation protocols."""
