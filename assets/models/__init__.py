"""One asset for each trained architecture: fitted, exported, registered."""
