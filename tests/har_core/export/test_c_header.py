"""The C header, compiled by gcc, against the graph that it was made of."""

from __future__ import annotations

import copy
import ctypes
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pytest
import torch
from data_sets import POCKET_AND_WRIST
from torch import Tensor, fx, nn

from har_core.base.errors import InputError
from har_core.compression.int8 import quantise
from har_core.datasets.dsads.dataset import DSADS
from har_core.evaluation.complexity import measure_complexity
from har_core.export.c_header import export
from har_core.export.exported import Exported
from har_core.inference.archive import archived_weights_version
from har_core.inference.classifier import RawWindowClassifier
from har_core.inference.graph import load_graph
from har_core.models.registry import create_model
from har_core.spec.dataset import DatasetSpec

pytestmark = pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc")

_aten = torch.ops.aten
_PAGE = Path(__file__).parents[3] / "docs" / "export.md"
_STRICT = ("-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-O2")
_OBSERVED = """
#include <stdint.h>
typedef void observer(int number, const int8_t *values, int count);
static observer *told;
void observe(observer *by);
void observe(observer *by) { told = by; }
#define HAR_OBSERVE(number, values, count) told(number, values, count)
#define HAR_IMPLEMENTATION
#include "model.h"
"""
_PLAIN = '#define HAR_IMPLEMENTATION\n#include "model.h"\n'
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Case:
    """An int8 model as it is registered, and its header."""

    network: nn.Module
    graph: fx.GraphModule
    spec: DatasetSpec
    window_length: int
    exported: Exported

    def windows(self, num_windows: int, size: float = 1.0) -> Tensor:
        return size * windows_of(self.spec, num_windows, self.window_length)


def windows_of(spec: DatasetSpec, num_windows: int, window_length: int) -> Tensor:
    """Noise about another level in each window."""
    generator = torch.Generator().manual_seed(1)
    levels, noise = (
        torch.randn(num_windows, length, spec.num_channels, generator=generator) for length in (1, window_length)
    )
    return 2 * levels + noise


@pytest.fixture(scope="module")
def make_case(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Case]:
    def make(spec: DatasetSpec, window_length: int, *, fills_gaps: bool = False, **options: int) -> Case:
        torch.manual_seed(0)
        channels = [1, 9, 4, 6, 0] if fills_gaps else None
        network = create_model(
            "compact",
            num_channels=len(channels or spec.channels),
            num_timepoints=window_length,
            num_classes=spec.num_activities,
            **options,
        )
        mean, deviation = torch.randn(spec.num_channels), 1 + torch.rand(spec.num_channels)
        windows = windows_of(spec, 32, window_length)
        normalised = ((windows - mean) / deviation)[..., channels or slice(None)]
        for module in network.modules():
            if isinstance(module, nn.BatchNorm1d):
                module.momentum = 1.0
        with torch.no_grad():
            network.train()(normalised)  # batch norm has seen such windows, as after a training
            network.head.weight *= 5  # type: ignore[union-attr, operator] # probabilities that differ
        classifier = RawWindowClassifier(
            network.eval(), spec, mean=mean, standard_deviation=deviation, channels=channels, fills_gaps=fills_gaps
        )
        int8 = quantise(classifier, windows)
        folder = tmp_path_factory.mktemp(spec.name)
        shapes = ({0: torch.export.Dim("N")},)
        example = torch.zeros(2, window_length, spec.num_channels)
        torch.export.save(torch.export.export(int8, (example,), dynamic_shapes=shapes), folder / "model.pt2")
        graph = load_graph(folder / "model.pt2")
        assert isinstance(graph, fx.GraphModule)
        exported = export(graph, spec, window_length, folder / "model.h")
        return Case(network=network, graph=graph, spec=spec, window_length=window_length, exported=exported)

    return make


@pytest.fixture(scope="module")
def tiny(make_case: Callable[..., Case]) -> Case:
    return make_case(POCKET_AND_WRIST, 50, width=8)


@pytest.fixture(scope="module")
def with_gaps(make_case: Callable[..., Case]) -> Case:
    """Two sums around blocks, gaps to fill, and half of the channels, of two places in turns."""
    return make_case(POCKET_AND_WRIST, 21, fills_gaps=True, width=4, depth=4, kernel_size=3)


@pytest.fixture(scope="module")
def whole(make_case: Callable[..., Case]) -> Case:
    return make_case(DSADS, 125)


def built(case: Case, source: str, *options: str, name: str, flags: tuple[str, ...] = _STRICT) -> Path:
    """What gcc makes of ``source`` beside the header."""
    folder = case.exported.path.parent
    (folder / f"{name}.c").write_text(source, encoding="utf-8")
    target = folder / name
    subprocess.run(["gcc", *flags, *options, f"{name}.c", "-o", target, "-lm"], cwd=folder, check=True)
    return target


def answers_in_c(case: Case, windows: Tensor) -> tuple[npt.NDArray[np.float32], list[Ints], list[int]]:
    """Probabilities (N, K), what each quantiser made (N, values), features last, and activities."""
    path = case.exported.path.with_name("observed.so")
    if not path.exists():
        built(case, _OBSERVED, "-shared", "-fPIC", name=path.name)
    library = ctypes.CDLL(str(path))
    probabilities = np.empty((len(windows), case.spec.num_activities), np.float32)
    quantised: list[list[Ints]] = []

    def observe(number: int, values: Any, count: int) -> None:
        quantised.extend([] for _ in range(len(quantised), number + 1))
        quantised[number].append(np.array(values[:count]))

    observer = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.POINTER(ctypes.c_int8), ctypes.c_int)(observe)
    library.observe(observer)
    activities = []
    for window, answer in zip(windows.contiguous().numpy(), probabilities, strict=True):
        library.har_predict(ctypes.c_void_p(window.ctypes.data), ctypes.c_void_p(answer.ctypes.data))
        activities.append(library.har_activity(ctypes.c_void_p(answer.ctypes.data)))
    return probabilities, [np.stack(values) for values in quantised], activities


def answers_of_pytorch(
    case: Case, windows: Tensor, in_place: list[Ints] | None = None
) -> tuple[npt.NDArray[np.float32], list[Ints]]:
    """Probabilities (N, K), and what each quantiser made (N, values), features last.

    ``in_place`` of what it made, the next layer gets those values.
    """
    quantised: list[Ints] = []

    class Observer(fx.Interpreter):
        def run_node(self, n: fx.Node) -> Any:
            result = super().run_node(n)
            if n.target != _aten.fake_quantize_per_tensor_affine.default:
                return result
            _, scale, zero_point, *_ = cast("tuple[Any, ...]", n.args)
            steps = (result / scale).round().long() + zero_point
            features_last = steps.mT if steps.dim() > 2 else steps
            quantised.append(features_last.flatten(1).numpy())
            if in_place is None:
                return result
            given = torch.from_numpy(in_place[len(quantised) - 1]).view(features_last.shape)
            return ((given.mT if steps.dim() > 2 else given) - zero_point) * torch.tensor(scale)

    with torch.no_grad():
        return Observer(case.graph).run(windows).numpy(), quantised


def assert_same_answers(case: Case, windows: Tensor) -> None:
    """As docs/export.md promises them."""
    probabilities, steps, activities = answers_in_c(case, windows)
    from_the_same, expected_steps = answers_of_pytorch(case, windows, in_place=steps)
    for own, theirs in zip(steps, expected_steps, strict=True):
        np.testing.assert_allclose(own, theirs, rtol=0, atol=1)
        assert (own != theirs).mean() < 0.001 or own.size < 1000
    np.testing.assert_allclose(probabilities, from_the_same, rtol=0, atol=1e-5)
    expected, _ = answers_of_pytorch(case, windows)
    np.testing.assert_allclose(probabilities, expected, rtol=0, atol=0.05)
    assert activities == probabilities.argmax(axis=1).tolist()


def assert_needs_what_it_states(case: Case) -> None:
    unit = built(case, _PLAIN, "-c", "-fdata-sections", name="unit.o")
    listed = subprocess.run(["size", "-A", unit], check=True, capture_output=True, text=True).stdout
    sizes = {name: int(size) for name, size in re.findall(r"^(\.\S+) +(\d+) ", listed, flags=re.MULTILINE)}
    constants = sum(size for section, size in sizes.items() if section.startswith(".rodata.har_"))
    static = sum(size for section, size in sizes.items() if section.startswith((".data", ".bss")))
    first_layer: Any = case.network.stem[0]  # type: ignore[index] # of this network
    macs = measure_complexity(case.network, case.window_length, first_layer.in_channels).macs
    details, text = case.exported.details, case.exported.path.read_text(encoding="utf-8")
    assert details["flash"].startswith(f"{constants:,} bytes")
    assert details["RAM"].startswith(f"{static:,} bytes")
    assert details["multiply-adds"] == f"{macs:,}"
    for stated in (f"{constants:,} bytes of weights", f"{static:,} bytes, static", f"{macs:,} a window"):
        assert stated in text
    assert case.exported.num_bytes == case.exported.path.stat().st_size


@pytest.mark.parametrize("name", ["tiny", "with_gaps", "whole"])
def test_answers_as_pytorch_does_and_needs_what_it_states(name: str, request: pytest.FixtureRequest) -> None:
    case: Case = request.getfixturevalue(name)
    usual = case.windows(8)
    extreme = [
        torch.zeros_like(usual[:1]),
        torch.full_like(usual[:1], -50),
        case.windows(2, 1e3),
        case.windows(2, 1e30),
    ]
    assert_same_answers(case, torch.cat([usual, *extreme]))
    probabilities, steps = answers_of_pytorch(case, usual)
    assert probabilities.std(axis=0).max() > 0.05
    assert all(len(np.unique(values)) > 20 for values in steps)  # neither constant nor at a limit
    assert_needs_what_it_states(case)


def test_page_states_what_it_needs(whole: Case) -> None:
    stated = dict(
        re.findall(r"^\| (flash|RAM|multiply-adds) \| ([\d,]+)", _PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    )
    assert stated == {name: text.split()[0] for name, text in whole.exported.details.items()}


def test_fills_gaps_of_the_channels_that_it_sees(with_gaps: Case) -> None:
    windows = with_gaps.windows(60)
    generator = torch.Generator().manual_seed(2)
    for channels in with_gaps.spec.channels_of_place:
        for window in windows:
            first, length = torch.randint(0, with_gaps.window_length, (2,), generator=generator).tolist()
            window[first : first + length, list(channels)] = 0
            window[length, list(channels)] = 0
    windows[0] = 0
    windows[1, :, 2] = torch.nan  # the network does not have it
    assert_same_answers(with_gaps, windows)


def test_what_is_no_number_has_no_activity(tiny: Case) -> None:
    windows = tiny.windows(3)
    windows[0, -1, -1], windows[1, 0, 0] = torch.nan, torch.inf
    probabilities, _, activities = answers_in_c(tiny, windows)
    assert np.isnan(probabilities[:2]).all()
    assert activities[:2] == [-1, -1]
    assert np.isfinite(probabilities[2]).all()


def test_names_of_any_kind_compile(tiny: Case, tmp_path: Path) -> None:
    names = ('say "hi"', "50 % /* 15° */", "what??/", "C:\\new")
    spec = tiny.spec.replaced(activities=names, title="a */ int main; /* ??/\nb", licence="\\", citation="word " * 80)
    exported = export(tiny.graph, spec, tiny.window_length, tmp_path / "model.h")
    source = _PLAIN + (
        "#include <stdio.h>\nstatic const char *const names[] = HAR_ACTIVITY_NAMES;\n"
        "int main(void) { for (int k = 0; k < HAR_NUM_ACTIVITIES; k++) puts(names[k]); return 0; }\n"
    )
    program = built(replace(tiny, spec=spec, exported=exported), source, name="names")
    assert subprocess.run([program], check=True, capture_output=True).stdout.decode() == "".join(
        f"{name}\n" for name in names
    )


def test_header_says_what_it_expects_and_needs_no_other(tiny: Case) -> None:
    text = tiny.exported.path.read_text(encoding="utf-8")
    assert "   6  wrist_heart_rate  wrist, heart_rate, 1/min" in text
    assert tiny.spec.title in text
    assert archived_weights_version(tiny.exported.path.with_name("model.pt2")) in text
    assert re.findall("^ *#include (.*)", text, flags=re.MULTILINE) == ["<math.h>", "<stdint.h>"]
    assert max(map(len, text.splitlines())) <= 140


def test_example_of_the_page_answers(tiny: Case) -> None:
    (example,) = re.findall(r"```c\n(.*?)```", _PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    (command,) = re.findall(r"^gcc (.*) main.c -o main -lm$", _PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    program = built(tiny, example, name="main", flags=tuple(command.split()))
    window = tiny.windows(1)
    text = "\n".join(" ".join(f"{value:.9g}" for value in sample) for sample in window[0].tolist())
    said = subprocess.run([program], input=text, check=True, capture_output=True, text=True).stdout
    ((probabilities,), _) = answers_of_pytorch(tiny, window)
    likeliest = int(probabilities.argmax())
    assert said == f"{tiny.spec.activities[likeliest]}: {probabilities[likeliest]:.2f}\n"
    lacking = subprocess.run([program], input="nan " * window.numel(), check=True, capture_output=True, text=True)
    assert lacking.stdout == "a sensor is missing\n"


def copy_of(graph: fx.GraphModule) -> fx.GraphModule:
    return fx.GraphModule(graph, copy.deepcopy(graph.graph))


def refusal(graph: fx.GraphModule, spec: DatasetSpec, window_length: int, folder: Path) -> str:
    with pytest.raises(InputError) as caught:
        export(graph, spec, window_length, folder / "model.h")
    assert [*folder.iterdir()] == []
    return str(caught.value)


def test_float_model_is_refused(tiny: Case, tmp_path: Path) -> None:
    graph = copy_of(tiny.graph)
    for node in graph.graph.find_nodes(op="call_function", target=_aten.fake_quantize_per_tensor_affine.default):
        node.replace_all_uses_with(node.all_input_nodes[0])
    assert "make one first: [compressed]" in refusal(graph, tiny.spec, tiny.window_length, tmp_path)


def test_weights_that_are_not_int8_are_refused(tiny: Case, tmp_path: Path) -> None:
    graph = copy_of(tiny.graph)
    product, *_ = graph.graph.find_nodes(op="call_function", target=_aten.linear.default)
    with graph.graph.inserting_before(product):
        weights = graph.graph.call_function(_aten.neg.default, (product.args[1],))
    product.args = (product.args[0], weights, *product.args[2:])
    assert "not int8" in refusal(graph, tiny.spec, tiny.window_length, tmp_path)


@pytest.mark.parametrize(
    ("operator", "other"),
    [(_aten.relu.default, _aten.sigmoid.default), (_aten.softmax.int, _aten.log_softmax.int)],
    ids=["within", "last"],
)
def test_other_operators_are_named(tiny: Case, tmp_path: Path, operator: Any, other: Any) -> None:
    graph = copy_of(tiny.graph)
    node, *_ = graph.graph.find_nodes(op="call_function", target=operator)
    node.target = other
    assert str(other) in refusal(graph, tiny.spec, tiny.window_length, tmp_path)


def test_gaps_of_other_places_are_refused(with_gaps: Case, tmp_path: Path) -> None:
    """What the model does is found by comparison, not by its name."""
    channels = [
        channel.model_copy(update={"place": "pocket"}) if channel.sensor == "heart_rate" else channel
        for channel in with_gaps.spec.channels
    ]
    spec = with_gaps.spec.replaced(channels=tuple(channels))
    assert "has no place in a C header" in refusal(with_gaps.graph, spec, with_gaps.window_length, tmp_path)
