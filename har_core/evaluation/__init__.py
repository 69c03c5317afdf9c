"""What is measured of a trained model: scores, costs, speed, and the gate to the champion's place."""
