"""From raw windows to probabilities and activities: the exported classifier, its predictions, and faster engines."""
