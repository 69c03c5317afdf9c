"""What each sensor gives: which channels a model is measured with, its trainings on them, and a unit that is missing."""
