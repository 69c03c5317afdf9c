"""A registered model gives its network back, whatever else its graph keeps."""

from __future__ import annotations

import torch
from compressing import exported, material_of, parent_of

from har_core.compression.recipe import Parent, with_input


def test_a_graph_gives_its_network_back() -> None:
    material, model = material_of("transformer"), parent_of("transformer").model
    graph = exported(model)
    assert graph.state_dict().keys() > model.state_dict().keys()  # positions, which are no weights
    again = with_input(Parent(name="transformer", model=graph).network(material), material)
    windows = material.raw("test")
    with torch.inference_mode():
        torch.testing.assert_close(again(windows), model(windows))
