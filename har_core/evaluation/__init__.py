"""What is measured of a trained model: scores, costs, speed, predictions, and the gate to the champion's place."""

from har_core.evaluation.scores import ClassScores, Scores, score

__all__ = ["ClassScores", "Scores", "score"]
