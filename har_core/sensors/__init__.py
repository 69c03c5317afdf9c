"""What each sensor gives: on which channels a model is trained to tell, and what it says where a unit is missing."""
