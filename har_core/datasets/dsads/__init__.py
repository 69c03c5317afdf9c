"""The DSADS recordings: what is fixed about them, where they come from, and how they are read and checked."""
