"""One asset for each hyper-parameter search of the experiment file, which a person starts."""
