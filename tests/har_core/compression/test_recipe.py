"""A registered model gives its network back, whatever else its graph keeps."""

from __future__ import annotations

import torch
from compressing import material_of, parent_of

from har_core.compression.recipe import with_input


def test_a_graph_gives_its_network_back() -> None:
    parent, material = parent_of("transformer"), material_of("transformer")
    network = parent.network(material)
    names = {f"network.{name}" for name in network.state_dict()}
    assert names < parent.model.state_dict().keys()  # which also has positions, and they are no weights
    windows = material.raw("test")
    with torch.inference_mode():
        torch.testing.assert_close(with_input(network, material)(windows), parent.model(windows))
