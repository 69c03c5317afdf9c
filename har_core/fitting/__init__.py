"""From windows with roles to a fitted model and its predictions. What the predictions are worth is in evaluation."""
