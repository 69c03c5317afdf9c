"""What a network can learn before its training, from windows alone or from the activities of another data set."""
