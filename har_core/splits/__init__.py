"""Which windows train, validate and test, and how they are normalised: for one split, or fold by fold."""
