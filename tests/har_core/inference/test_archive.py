"""Archives as ``torch.export`` writes them, whole, damaged and crafted."""

from __future__ import annotations

import json
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from har_core.base.errors import InputError
from har_core.inference.archive import DamagedModelError, archived_weights_version
from har_core.inference.classifier import weights_version
from har_core.inference.graph import load_graph


class Odd(nn.Module):
    """Weights of every sort: shared, views of others, transposed, of other types, without values, in no state."""

    transposed: Tensor
    part: Tensor
    whole: Tensor
    counts: Tensor
    same_counts: Tensor
    flags: Tensor
    precise: Tensor
    rough: Tensor
    of_shape_alone: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 4)
        self.second.weight = self.first.weight
        whole = torch.randn(6, 8)
        self.register_buffer("transposed", whole.t()[:4, :4])
        self.register_buffer("part", whole[1:3])
        self.register_buffer("whole", whole)
        self.register_buffer("counts", torch.arange(4))
        self.register_buffer("same_counts", self.counts)
        self.register_buffer("flags", torch.tensor([True, False]))
        self.register_buffer("precise", torch.tensor(2.5, dtype=torch.float64))
        self.register_buffer("rough", torch.randn(3).bfloat16())
        self.register_buffer("empty", torch.empty(0, 3))
        self.register_buffer("of_shape_alone", torch.randn(4, 4).t(), persistent=False)
        self.register_parameter("unused", nn.Parameter(torch.randn(3)))

    def forward(self, x: Tensor) -> Tensor:
        x = self.second(self.first(x)) @ self.transposed + x @ self.of_shape_alone
        x = (
            x
            + self.part.sum()
            + self.whole.mean()
            + self.counts
            + self.same_counts
            + torch.tensor([1.0, 2.0, 3.0, 4.0])
        )
        values, places = torch.sort(x * self.precise + self.flags.sum() + self.rough.sum().float(), dim=1)
        rest = torch.full((x.shape[0] * 2, 1), float("inf"), dtype=torch.float64)
        return torch.cat([*torch.split(values + places, 2, dim=1), rest.view(-1, 2)])


def export(model: nn.Module, path: Path) -> Path:
    batch = torch.export.Dim("num_windows")
    program = torch.export.export(model.eval(), (torch.zeros(2, 4),), dynamic_shapes=({0: batch},))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="No complete tensor found")  # of one that is transposed
        torch.export.save(program, path)
    return path


@pytest.fixture(scope="module")
def model() -> Odd:
    torch.manual_seed(0)
    return Odd()


@pytest.fixture(scope="module")
def archive(model: Odd, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(model, tmp_path_factory.mktemp("archive") / "model.pt2")


def rewrite(archive: Path, path: Path, record: str, change: Callable[[Any], object]) -> Path:
    """Copy an archive with one of its JSON records changed."""
    with zipfile.ZipFile(archive) as before, zipfile.ZipFile(path, "w") as after:
        for name in before.namelist():
            content = before.read(name)
            if name.endswith(record):
                value = json.loads(content)
                change(value)
                content = json.dumps(value).encode()
            after.writestr(name, content)
    return path


def test_weights_of_every_sort_have_one_version_in_memory_and_in_the_archive(model: Odd, archive: Path) -> None:
    assert archived_weights_version(archive) == weights_version(model)


def test_graph_answers_as_pytorch_would(archive: Path) -> None:
    ours, pytorchs = load_graph(archive), torch.export.load(archive).module()
    for size in (1, 2, 5):
        x = torch.randn(size, 4)
        with torch.inference_mode():
            assert torch.equal(ours(x), pytorchs(x))


def test_shared_weights_stay_shared(archive: Path) -> None:
    buffers = dict(load_graph(archive).named_buffers())
    assert buffers["part"].untyped_storage().data_ptr() == buffers["whole"].untyped_storage().data_ptr()


@pytest.mark.parametrize("name", ["first.weight", "precise", "of_shape_alone", "same_counts"])
def test_another_value_is_another_version(model: Odd, archive: Path, tmp_path: Path, name: str) -> None:
    other = Odd()
    other.load_state_dict(model.state_dict())
    other.of_shape_alone.copy_(model.of_shape_alone)
    tensors = {**dict(other.named_parameters()), **dict(other.named_buffers(remove_duplicate=False))}
    with torch.no_grad():
        tensors[name].add_(1)
    version = archived_weights_version(export(other, tmp_path / "model.pt2"))
    assert version == weights_version(other) != weights_version(model)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.floats(0, 1), at=st.floats(0, 1), byte=st.integers(1, 255))
@example(cut=0.0, at=0.0, byte=1)
def test_damage_is_noticed_or_without_effect(archive: Path, tmp_path: Path, cut: float, at: float, byte: int) -> None:
    content = archive.read_bytes()
    damaged = bytearray(content)
    damaged[int(at * (len(content) - 1))] ^= byte
    for number, changed in enumerate((content[: int(cut * (len(content) - 1))], bytes(damaged))):
        path = tmp_path / f"{number}.pt2"
        path.write_bytes(changed)
        try:
            version = archived_weights_version(path)
        except DamagedModelError:
            continue
        assert version == archived_weights_version(archive)  # what changed is no part of a weight


@pytest.mark.parametrize("content", [b"", b"no archive at all"])
def test_what_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.pt2").write_bytes(content)
    with pytest.raises(DamagedModelError, match=r"model\.pt2: damaged, or no exported graph"):
        load_graph(tmp_path / "model.pt2")


@pytest.mark.parametrize("size", [9, 10**6])
def test_weights_that_reach_beyond_their_record_are_refused(archive: Path, tmp_path: Path, size: int) -> None:
    def enlarge(config: Any) -> None:
        config["config"]["whole"]["tensor_meta"]["sizes"][0] = {"as_int": size}

    path = rewrite(archive, tmp_path / "model.pt2", "model_weights_config.json", enlarge)
    for read in (archived_weights_version, load_graph):
        with pytest.raises(DamagedModelError):
            read(path)


def test_pickled_weights_are_never_unpickled(archive: Path, tmp_path: Path) -> None:
    def pickle(config: Any) -> None:
        config["config"]["whole"]["use_pickle"] = True

    path = rewrite(archive, tmp_path / "model.pt2", "model_weights_config.json", pickle)
    for read in (archived_weights_version, load_graph):
        with pytest.raises(DamagedModelError, match="pickled"):
            read(path)


@pytest.mark.parametrize(
    "target",
    [
        "torch.load",
        "torch.hub.load",
        "torch.ops.aten.from_file.default",
        "torch.ops.aten.save.default",
        "torch.ops.aten.__class__.mro",
        "torch.ops.higher_order.cond",
        "_operator.attrgetter",
        "math.sqrt",
    ],
)
def test_only_operators_on_tensors_are_run(archive: Path, tmp_path: Path, target: str) -> None:
    def replace(program: Any) -> None:
        program["graph_module"]["graph"]["nodes"][0]["target"] = target

    with pytest.raises(InputError, match=target):
        load_graph(rewrite(archive, tmp_path / "model.pt2", "models/model.json", replace))


def test_a_graph_with_two_results_is_refused(tmp_path: Path) -> None:
    class Two(nn.Module):
        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            return x + 1, x + 2

    with pytest.raises(InputError, match="more than one result"):
        load_graph(export(Two(), tmp_path / "model.pt2"))
