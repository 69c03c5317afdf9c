"""Recurrent layers answer as PyTorch's modules do, and each network reads them where it should."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from har_core.base.errors import InputError
from har_core.models import create_model
from har_core.models.layers.recurrent import states

Kind = type[nn.RNN | nn.GRU | nn.LSTM]
SIZES = {"num_channels": 6, "num_timepoints": 30, "num_classes": 4}


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("kind", [nn.RNN, nn.GRU, nn.LSTM])
def test_states_are_those_of_the_module(kind: Kind, bidirectional: bool) -> None:
    torch.manual_seed(0)
    layers = kind(6, 8, num_layers=2, batch_first=True, bidirectional=bidirectional)
    x = torch.randn(3, 30, 6)
    torch.testing.assert_close(states(layers, x), layers(x)[0])


@pytest.mark.parametrize("kind", [nn.RNN, nn.GRU, nn.LSTM])
def test_answers_do_not_depend_on_whether_weights_need_gradients(kind: Kind) -> None:
    torch.manual_seed(0)
    layers = kind(6, 64, num_layers=2, batch_first=True)
    for num_windows in (1, 2, 3, 7):
        x = torch.randn(num_windows, 30, 6)
        with torch.inference_mode():
            before = states(layers.requires_grad_(requires_grad=True), x)
            assert torch.equal(states(layers.requires_grad_(requires_grad=False), x), before)


def test_layers_drop_in_training_alone() -> None:
    layers = nn.LSTM(6, 64, num_layers=2, batch_first=True, dropout=0.5)
    x = torch.randn(3, 30, 6)
    assert not torch.equal(states(layers, x), states(layers, x))
    layers.eval()
    assert torch.equal(states(layers, x), states(layers, x))


@pytest.mark.parametrize("name", ["rnn", "gru", "lstm", "bilstm"])
def test_the_last_layer_is_read_where_it_ends(name: str) -> None:
    torch.manual_seed(0)
    model = create_model(name, **SIZES, hidden_size=8)
    layers = next(module for module in model.modules() if isinstance(module, nn.RNNBase))
    x = torch.randn(3, 30, 6)
    _, last = layers(x)
    h_LNH = last[0] if isinstance(last, tuple) else last
    num_directions = 2 if name == "bilstm" else 1
    read_NH = torch.cat(list(h_LNH[-num_directions:]), dim=-1)
    torch.testing.assert_close(model(x), model.get_submodule("linear")(read_NH))


def test_elman_layers_start_with_orthogonal_weights() -> None:
    model = create_model("rnn", **SIZES, hidden_size=8)
    weights = [weight for name, weight in model.named_parameters() if "weight_hh" in name]
    assert len(weights) == 2
    for weight in weights:
        torch.testing.assert_close(weight @ weight.T, torch.eye(8))


def test_deepconvlstm_of_one_layer_has_the_parameters_that_are_told_of_it() -> None:
    model = create_model("deepconvlstm", num_channels=45, num_timepoints=125, num_classes=19, num_layers=1)
    assert sum(parameter.numel() for parameter in model.parameters()) == 1_605_587


def test_deepconvlstm_keeps_channels_apart_until_the_lstm() -> None:
    model = create_model("deepconvlstm", **SIZES, width=4, hidden_size=8).eval()
    seen = []
    model.get_submodule("dropout").register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    x = torch.randn(1, 30, 6)
    y = x.clone()
    y[:, :, 2] += 1
    model(x), model(y)
    assert seen[0].shape == (1, 14, 4 * 6)  # four convolutions (5) without zeros beyond the ends
    has_changed_FC = (seen[0] != seen[2]).any(dim=1).view(4, 6)
    assert has_changed_FC[:, 2].any()
    assert not has_changed_FC[:, [0, 1, 3, 4, 5]].any()


def test_deepconvlstm_refuses_kernels_that_leave_no_timepoint() -> None:
    sizes = SIZES | {"num_timepoints": 20}
    create_model("deepconvlstm", **sizes, kernel_size=5)
    with pytest.raises(InputError, match=r"kernel_size.*6.*1 to 5, since four convolutions .* 20 timepoints"):
        create_model("deepconvlstm", **sizes, kernel_size=6)
