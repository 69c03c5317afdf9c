"""Where windows are cut with gaps filled, registered models fill those that they are given."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow.parquet as pq
import torch

from assets.resources.model_files import find_model
from har_core.datasets.dsads.dataset import DSADS
from har_core.inference.classifier import predict_probabilities
from har_core.inference.graph import load_graph
from har_core.windows.gaps import fill_gaps

if TYPE_CHECKING:
    from tests.assets.conftest import Graph


def test_a_registered_model_fills_gaps_where_the_windows_were_filled(graph: Graph) -> None:
    windows = torch.randn(4, 125, 45, generator=torch.Generator().manual_seed(0)) * 5
    windows[:, 90:, 9:18] = 0

    def answers(of: torch.Tensor) -> np.ndarray:
        return predict_probabilities(load_graph(find_model(graph.tracking, "models:/har-cnn@challenger").graph), of)

    assert np.abs(answers(windows) - answers(fill_gaps(windows, DSADS.channels_of_place))).max() > 1e-6
    filling = graph.experiment.windows.model_copy(update={"damaged": "fill"})
    experiment = graph.experiment.model_copy(update={"windows": filling})
    assert graph.materialise("windows", "splits", "models/cnn", experiment=experiment).success
    assert pq.read_schema(graph.home.windows).metadata[b"har.damaged"] == b"fill"
    np.testing.assert_allclose(answers(windows), answers(fill_gaps(windows, DSADS.channels_of_place)), atol=1e-6)
