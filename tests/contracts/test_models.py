"""What every architecture keeps to. A new one is tested by being there: nothing is to be added here."""

from __future__ import annotations

import inspect
from functools import cache
from pathlib import Path

import pytest
import torch
from data_sets import DATA_SETS, as_in_dsads, small_dsads
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from har_core.base.errors import InputError
from har_core.evaluation.complexity import measure_complexity
from har_core.inference.archive import archived_weights_version
from har_core.inference.classifier import RawWindowClassifier, weights_version
from har_core.inference.exporting import quick_export
from har_core.inference.graph import load_graph
from har_core.models import create_model, fit_model, list_models, registry
from har_core.models.catalogue import describe, is_network
from har_core.settings.experiment import Option
from har_core.spec.channels import sensors_among
from har_core.training.objective import objective

Shape = tuple[int, int, int]
SPEC_OF = {data_set.shape: data_set.spec for data_set in DATA_SETS}
assert len(SPEC_OF) == len(DATA_SETS), "give a data set of the shape of another one windows of another length"
NATIVE, SMALL, SHORT = DATA_SETS[0].shape, (100, 6, 4), (20, 6, 4)
"""T, C, K: of DSADS; of two sensors and few activities, where the work is done; short, for what is traced."""
OF_NETWORKS = pytest.mark.parametrize("name", [name for name in list_models() if is_network(name)])
OF_CLASSICAL = pytest.mark.parametrize("name", [name for name in list_models() if not is_network(name)])


@pytest.fixture(params=list_models())
def name(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def make(name: str, shape: Shape = SMALL, seed: int = 0) -> nn.Module:
    """A new network, or a classical model fitted to activities that differ in level and in rhythm.

    The published width of networks that keep channels apart is tried on native windows; others get a narrow one.
    """
    if not is_network(name):
        return fitted(name, shape, seed)
    is_wide = shape != NATIVE and "base_width" in describe(name).options
    torch.manual_seed(seed)
    return create(name, shape, **({"base_width": 8} if is_wide else {}))


def create(name: str, shape: Shape, **options: Option) -> nn.Module:
    num_timepoints, num_channels, num_classes = shape
    return create_model(
        name, num_channels=num_channels, num_timepoints=num_timepoints, num_classes=num_classes, **options
    )


@cache
def made(name: str, shape: Shape = SMALL) -> nn.Module:
    """One that answers; tests share it and leave it as it is."""
    return make(name, shape).eval()


@cache
def fitted(name: str, shape: Shape, seed: int) -> nn.Module:
    return fit(name, shape, seed)


def fit(name: str, shape: Shape, seed: int) -> nn.Module:
    x, labels = training(shape)
    told = as_in_dsads(shape[1])
    if (spec := SPEC_OF.get(shape)) is not None:
        told = {"sampling_rate_hz": spec.sampling_rate_hz, "sensors": sensors_among(spec, range(spec.num_channels))}
    return fit_model(name, x, labels, num_classes=shape[2], seed=seed, **told)


def training(shape: Shape) -> tuple[Tensor, Tensor]:
    num_timepoints, _, num_classes = shape
    num_per_class = 2 if shape == NATIVE else 6
    labels = torch.arange(num_per_class * num_classes) % num_classes
    rhythm = torch.sin(torch.arange(num_timepoints) * (labels[:, None] + 1) / 10)
    return windows(len(labels), shape, seed=2) + rhythm[:, :, None] + labels[:, None, None] / 4, labels


def windows(num_windows: int, shape: Shape = SMALL, seed: int = 1) -> Tensor:
    return torch.randn(num_windows, *shape[:2], generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("shape", [*SPEC_OF, SMALL], ids=lambda shape: "x".join(map(str, shape)))
def test_logits_are_finite_float32_and_each_window_is_judged_by_itself(name: str, shape: Shape) -> None:
    model, x = made(name, shape), windows(5, shape)
    before = x.clone()
    with torch.inference_mode():
        together, alone, pair = model(x), model(x[2:3]), model(x[3:])
    assert together.shape == (5, shape[2])
    assert together.dtype == torch.float32
    assert together.isfinite().all()
    assert torch.equal(x, before)  # nothing is normalised in place
    torch.testing.assert_close(together[2:], torch.cat([alone, pair]), rtol=1e-4, atol=1e-5)


@OF_NETWORKS
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_gradient_reaches_every_parameter_and_the_input(name: str, precision: str) -> None:
    model = make(name).train()
    x, targets = windows(6).requires_grad_(), torch.arange(6) % SMALL[2]
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bf16"):
        loss = objective(model, x, targets, cross_entropy, num_classes=SMALL[2])
    torch.autograd.backward(loss)
    for key, tensor in [*model.named_parameters(), ("input", x)]:
        assert tensor.requires_grad, key
        assert tensor.grad is not None, key
        assert tensor.grad.dtype == torch.float32, key
        assert tensor.grad.isfinite().all(), key
        assert tensor.grad.abs().sum() > 0, key


@OF_NETWORKS
def test_steps_of_training_lower_the_loss(name: str) -> None:
    model = make(name).train()
    x, labels = training(SMALL)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    losses = []
    for _ in range(8):
        optimizer.zero_grad()
        loss = objective(model, x[:12], labels[:12], cross_entropy, num_classes=SMALL[2])
        torch.autograd.backward(loss)
        optimizer.step()
        losses.append(loss.item())
    assert min(losses[4:]) < 0.9 * losses[0], losses


def test_every_channel_and_every_half_counts(name: str) -> None:
    num_timepoints, num_channels, _ = SMALL
    model = made(name)
    # A network weighs every sample; trees ask for few features on the way of one window.
    base = windows(1) if is_network(name) else training(SMALL)[0]
    x = base.expand(num_channels + 2, -1, -1, -1).clone()
    for channel in range(num_channels):
        x[1 + channel, :, :, channel] += 1.0
    x[-1, :, : num_timepoints // 2] += 1.0
    with torch.inference_mode():
        logits = model(x.flatten(0, 1)).unflatten(0, x.shape[:2])
    assert ((logits[1:] - logits[0]).abs().amax(dim=(1, 2)) > 0).all()


@OF_NETWORKS
def test_same_seed_same_weights_other_seed_other_weights(name: str) -> None:
    first, second, other = (make(name, seed=seed).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(tensor, second[key]) for key, tensor in first.items())
    assert any(not torch.equal(tensor, other[key]) for key, tensor in first.items())


@OF_NETWORKS
def test_saved_weights_load_without_code_and_answer_alike(name: str, tmp_path: Path) -> None:
    model, loaded = make(name, seed=0), make(name, seed=1)
    with torch.no_grad():
        model.train()(windows(4))  # so that running statistics are not those of a new network
    torch.save(model.state_dict(), tmp_path / "weights.pt")
    loaded.load_state_dict(torch.load(tmp_path / "weights.pt", weights_only=True))
    with torch.inference_mode():
        assert torch.equal(model.eval()(windows(3)), loaded.eval()(windows(3)))


def test_evaluation_changes_nothing_and_repeats(name: str) -> None:
    model = made(name)
    before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    with torch.inference_mode():
        assert torch.equal(model(windows(3)), model(windows(3)))
    assert all(torch.equal(tensor, before[key]) for key, tensor in model.state_dict().items())


def test_wrapper_of_raw_windows_equals_normalising_first(name: str) -> None:
    model = made(name)
    mean, deviation = torch.linspace(-3, 9, 6), torch.linspace(0.2, 4, 6)
    raw = windows(5) * deviation + mean
    with torch.inference_mode():
        probabilities = RawWindowClassifier(model, small_dsads(6, 4), mean=mean, standard_deviation=deviation).eval()(
            raw
        )
        expected = model((raw - mean) / deviation).softmax(dim=-1)
    torch.testing.assert_close(probabilities, expected)
    torch.testing.assert_close(probabilities.sum(dim=-1), torch.ones(5))


@pytest.mark.parametrize("name", ["cnn", "lstm", "transformer", "random_forest"])
def test_exported_graph_of_each_kind(name: str, tmp_path: Path) -> None:
    """A few here: tracing takes seconds. The slow tests do it with all of them."""
    check_graph(name, load_graph(exported(name, tmp_path)))


@pytest.mark.slow
def test_exported_graph_answers_batches_of_any_size_and_keeps_its_weights(name: str, tmp_path: Path) -> None:
    path = exported(name, tmp_path)
    loaded, as_pytorch_loads = load_graph(path), torch.export.load(path).module()
    check_graph(name, loaded)
    for num_windows in (1, 2, 7):
        x = windows(num_windows, SHORT)
        with torch.inference_mode():
            assert torch.equal(loaded(x), as_pytorch_loads(x))
    with pytest.raises(RuntimeError, match="a channel of the unit T has a value that is no finite number"):
        as_pytorch_loads(spoiled(float("nan")))
    assert archived_weights_version(path) == weights_version(loaded) == weights_version(wrapped(name))


def check_graph(name: str, graph: nn.Module) -> None:
    for num_windows in (1, 2, 7):
        x = windows(num_windows, SHORT)
        with torch.inference_mode():
            torch.testing.assert_close(graph(x), wrapped(name)(x), rtol=1e-4, atol=1e-5)
    for value in (float("nan"), float("inf"), -float("inf")):
        with pytest.raises(RuntimeError, match="a channel of the unit T has a value that is no finite number"):
            graph(spoiled(value))


def exported(name: str, folder: Path) -> Path:
    batch = torch.export.Dim("num_windows")
    with quick_export():
        program = torch.export.export(wrapped(name), (windows(2, SHORT),), dynamic_shapes=({0: batch},))
    torch.export.save(program, folder / "model.pt2")
    return folder / "model.pt2"


def wrapped(name: str) -> nn.Module:
    mean, deviation, spec = torch.zeros(6), torch.ones(6), small_dsads(6, 4)
    return RawWindowClassifier(made(name, SHORT), spec, mean=mean, standard_deviation=deviation).eval()


def spoiled(value: float) -> Tensor:
    x = windows(3, SHORT)
    x[1, 7, 4] = value
    return x


@OF_NETWORKS
def test_options_have_defaults_that_make_the_same_network(name: str) -> None:
    plain, spelled_out = create(name, SMALL), create(name, SMALL, **describe(name).options)
    assert {key: tensor.shape for key, tensor in plain.state_dict().items()} == {
        key: tensor.shape for key, tensor in spelled_out.state_dict().items()
    }


@OF_CLASSICAL
def test_a_fit_depends_on_windows_and_seed_alone(name: str) -> None:
    torch.manual_seed(1)
    again = fit(name, SMALL, seed=0)
    assert weights_version(again) == weights_version(make(name, SMALL))


@OF_CLASSICAL
def test_what_was_learnt_is_in_buffers_that_need_no_gradient(name: str) -> None:
    model = make(name, SMALL)
    assert not list(model.parameters())
    assert measure_complexity(model, *SMALL[:2]).num_parameters == sum(t.numel() for t in model.state_dict().values())
    assert all(tensor.numel() for tensor in model.state_dict().values())


@OF_CLASSICAL
def test_a_fit_finds_its_training_windows_again(name: str) -> None:
    x, labels = training(SMALL)
    with torch.inference_mode():
        assert (make(name, SMALL)(x).argmax(dim=1) == labels).float().mean() > 0.9


@OF_CLASSICAL
def test_an_activity_that_training_lacks_gets_no_probability(name: str) -> None:
    x, labels = training(SMALL)
    for lacking in (labels != 3, labels < 2):  # one is gone; two are left
        model = fit_model(name, x[lacking], labels[lacking], num_classes=4, seed=0, **as_in_dsads(6))
        present = sorted(set(labels[lacking].tolist()))
        with torch.inference_mode():
            logits = model(x[lacking])
        assert logits.isfinite().all()
        probabilities = logits.softmax(dim=1)
        assert probabilities[:, [k for k in range(4) if k not in present]].max() < 1e-6
        assert (probabilities.argmax(dim=1) == labels[lacking]).float().mean() > 0.9


@OF_CLASSICAL
def test_windows_that_stand_still_are_judged_alike_in_any_batch(name: str) -> None:
    x, labels = training(SMALL)
    still = torch.linspace(-9, 9, 6).expand(7, *SMALL[:2]) * torch.arange(7)[:, None, None]
    model = fit_model(
        name,
        torch.cat([x, still]),
        torch.cat([labels, torch.zeros(7, dtype=torch.int64)]),
        num_classes=4,
        seed=0,
        **as_in_dsads(6),
    )
    with torch.inference_mode():
        together, alone = model(still), torch.cat([model(still[i : i + 1]) for i in range(7)])
    assert together.isfinite().all()
    torch.testing.assert_close(together, alone, rtol=1e-5, atol=1e-6)


@OF_CLASSICAL
def test_a_channel_alone_is_enough(name: str) -> None:
    x, labels = training(SMALL)
    model = fit_model(name, x[..., :1].contiguous(), labels, num_classes=4, seed=0, sampling_rate_hz=25.0)
    with torch.inference_mode():
        assert model(x[:5, :, :1]).shape == (5, 4)


@OF_CLASSICAL
def test_windows_and_labels_that_cannot_be_used_are_refused(name: str) -> None:
    x, labels = training(SMALL)
    for bad_x, bad_labels in (
        (x.double(), labels),
        (x, labels[:-1]),
        (x, labels.int()),
        (x, labels * 0),
        (x, labels + 1),
    ):
        with pytest.raises(InputError, match=f"'{name}' cannot be fitted"):
            fit_model(name, bad_x, bad_labels, num_classes=4, seed=0, **as_in_dsads(6))


def test_an_architecture_is_one_file(name: str) -> None:
    module = describe(name).module
    package, _, stem = module.rpartition(".")
    assert package == "har_core.models"
    assert stem == name


@OF_NETWORKS
def test_its_file_tells_what_it_costs(name: str) -> None:
    cost = measure_complexity(made(name, NATIVE), *NATIVE[:2])
    line = f"{cost.num_parameters:,} parameters, {cost.macs:,} multiply-accumulates"
    entry = describe(name)
    assert (entry.num_parameters, entry.macs) == (cost.num_parameters, cost.macs), f"its docstring must say: {line}"


def test_its_file_tells_its_options_as_python_sees_them(name: str) -> None:
    maker = registry._architecture(name)
    seen = {key: p.default for key, p in inspect.signature(maker).parameters.items() if p.default is not p.empty}
    assert describe(name).options == seen
