"""A small made data set of another shape than DSADS: one wrist, a labelled stream with gaps, and a class for "none"."""
