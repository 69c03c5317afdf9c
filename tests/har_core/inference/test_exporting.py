import pytest
import torch

from har_core.inference.exporting import quick_export
from har_core.models.registry import create_model

OPERATORS = {
    "lstm": "aten.lstm.input",
    "bilstm": "aten.lstm.input",
    "gru": "aten.gru.input",
    "rnn": "aten.rnn_tanh.input",
}


@pytest.fixture(params=OPERATORS)
def name(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def make(name: str) -> torch.nn.Module:
    torch.manual_seed(0)
    return create_model(name, num_channels=45, num_timepoints=125, num_classes=19, hidden_size=8).eval()


def export(model: torch.nn.Module, num_timepoints: int = 125) -> torch.export.ExportedProgram:
    x = torch.zeros(2, num_timepoints, 45)
    return torch.export.export(model, (x,), dynamic_shapes=({0: torch.export.Dim("n")},))


def test_layers_are_exported_whole_and_answer_every_batch_size_as_in_memory(name: str) -> None:
    model = make(name)
    with quick_export():
        program = export(model)
    operators = [str(node.target) for node in program.graph.nodes if node.op == "call_function"]
    assert operators.count(OPERATORS[name]) == 1
    assert len(operators) < 20
    for size in (1, 2, 7, 64):
        windows = torch.randn(size, 125, 45)
        assert torch.equal(program.module()(windows), model(windows))


def test_the_graph_is_the_one_that_pytorch_makes_by_itself(name: str) -> None:
    model = make(name)
    with quick_export():
        quick = export(model, num_timepoints=3)
    by_itself = export(model, num_timepoints=3)
    assert [str(node.target) for node in quick.graph.nodes] == [str(node.target) for node in by_itself.graph.nodes]


@pytest.mark.parametrize("layers", ["lstm", "gru", "rnn_tanh"])
def test_pytorch_is_as_it_was_afterwards_also_after_a_failure(layers: str) -> None:
    operator = getattr(torch.ops.aten, layers).input
    before = dict(operator.py_kernels)
    assert before
    with pytest.raises(ZeroDivisionError), quick_export():
        raise ZeroDivisionError
    assert dict(operator.py_kernels) == before
