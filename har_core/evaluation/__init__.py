"""What is measured of a trained model: scores, costs, speed, and the gate to the champion's place."""

from typing import TYPE_CHECKING

from har_core.base.facade import on_demand

if TYPE_CHECKING:
    from har_core.evaluation.scores import Scores as Scores
    from har_core.evaluation.scores import score as score
else:
    __getattr__ = on_demand(__name__, {"Scores": "scores", "score": "scores"})
