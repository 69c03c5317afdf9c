import pytest
import torch

from assets.resources.export import quick_export
from har_core.models.registry import create_model


@pytest.fixture
def lstm() -> torch.nn.Module:
    torch.manual_seed(0)
    return create_model("lstm", num_channels=45, num_timepoints=125, num_classes=19, hidden_size=8).eval()


def export(model: torch.nn.Module) -> torch.export.ExportedProgram:
    return torch.export.export(model, (torch.zeros(2, 125, 45),), dynamic_shapes=({0: torch.export.Dim("n")},))


def test_an_lstm_is_exported_whole_and_answers_every_batch_size_as_in_memory(lstm: torch.nn.Module) -> None:
    with quick_export():
        program = export(lstm)
    operators = [str(node.target) for node in program.graph.nodes if node.op == "call_function"]
    assert operators.count("aten.lstm.input") == 1
    assert len(operators) < 20
    for size in (1, 2, 7, 64):
        windows = torch.randn(size, 125, 45)
        assert torch.equal(program.module()(windows), lstm(windows))


def test_the_graph_is_the_one_that_pytorch_makes_by_itself(lstm: torch.nn.Module) -> None:
    with quick_export():
        quick = export(lstm)
    assert [str(node.target) for node in quick.graph.nodes] == [str(node.target) for node in export(lstm).graph.nodes]


def test_pytorch_is_as_it_was_afterwards_also_after_a_failure(lstm: torch.nn.Module) -> None:
    before = dict(torch.ops.aten.lstm.input.py_kernels)
    assert before
    with pytest.raises(ZeroDivisionError), quick_export():
        raise ZeroDivisionError
    assert dict(torch.ops.aten.lstm.input.py_kernels) == before
