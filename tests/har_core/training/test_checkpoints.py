"""Checkpoints: what is written is read, damage is noticed, and a full disk leaves the one before."""

from __future__ import annotations

import errno
import hashlib
import io
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from har_core.base.errors import StorageError
from har_core.training.checkpoints import FORMAT, Checkpoint, UnusableCheckpointError, load_checkpoint, save_checkpoint
from har_core.training.events import EpochRecord
from har_core.training.seeding import generator_states

RECORD = EpochRecord(
    epoch=1,
    learning_rate=0.1,
    training_loss=2.0,
    validation_loss=1.0,
    validation_macro_f1=0.5,
    validation_accuracy=0.25,
    seconds=3.0,
)


@pytest.fixture
def checkpoint() -> Checkpoint:
    return Checkpoint(
        key="k",
        model={"weight": torch.randn(64, 64)},
        best_model={"weight": torch.randn(64, 64)},
        average={"weight": torch.randn(64, 64)},
        optimizers=[{"state": {0: {"step": torch.tensor(3.0)}}, "param_groups": []}],
        scaler={},
        order=torch.Generator().get_state(),
        generators=generator_states(),
        history=(RECORD,),
    )


def write(path: Path, content: object) -> None:
    buffer = io.BytesIO()
    torch.save(content, buffer)
    path.write_bytes(hashlib.sha256(buffer.getvalue()).digest() + buffer.getvalue())


class Trap:
    """Touches a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.path,)


def test_what_is_written_is_read(tmp_path: Path, checkpoint: Checkpoint) -> None:
    save_checkpoint(tmp_path / "folder" / "c.pt", checkpoint)
    loaded = load_checkpoint(tmp_path / "folder" / "c.pt", key="k")
    assert loaded is not None
    assert torch.equal(loaded.model["weight"], checkpoint.model["weight"])
    assert torch.equal(loaded.best_model["weight"], checkpoint.best_model["weight"])
    assert torch.equal(loaded.average["weight"], checkpoint.average["weight"])
    assert torch.equal(loaded.order, checkpoint.order)
    assert torch.equal(loaded.generators["cpu"], checkpoint.generators["cpu"])
    assert (loaded.key, loaded.history, loaded.optimizers) == ("k", (RECORD,), checkpoint.optimizers)


def test_no_file_is_no_checkpoint(tmp_path: Path) -> None:
    assert load_checkpoint(tmp_path / "c.pt", key="k") is None


def test_another_key_is_refused(tmp_path: Path, checkpoint: Checkpoint) -> None:
    save_checkpoint(tmp_path / "c.pt", checkpoint)
    with pytest.raises(UnusableCheckpointError, match="other code, data or settings"):
        load_checkpoint(tmp_path / "c.pt", key="other")


def test_another_format_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "c.pt", {"format": 0})
    with pytest.raises(UnusableCheckpointError, match="another version"):
        load_checkpoint(tmp_path / "c.pt", key="k")


@pytest.mark.parametrize("content", [[1, 2], {"format": FORMAT}, {"format": FORMAT, "history": [], "other": 1}])
def test_another_content_is_refused(tmp_path: Path, content: object) -> None:
    write(tmp_path / "c.pt", content)
    with pytest.raises(UnusableCheckpointError, match="no checkpoint of this program"):
        load_checkpoint(tmp_path / "c.pt", key="k")


def test_loading_runs_no_code(tmp_path: Path) -> None:
    write(tmp_path / "c.pt", {"format": FORMAT, "model": Trap(tmp_path / "trap")})
    with pytest.raises(UnusableCheckpointError, match="UnpicklingError"):
        load_checkpoint(tmp_path / "c.pt", key="k")
    assert not (tmp_path / "trap").exists()


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.6, 0.9, 0.999])
def test_a_truncated_file_is_noticed(tmp_path: Path, checkpoint: Checkpoint, share: float) -> None:
    path = tmp_path / "c.pt"
    save_checkpoint(path, checkpoint)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(UnusableCheckpointError, match="damaged"):
        load_checkpoint(path, key="k")


def test_a_changed_weight_is_noticed(tmp_path: Path, checkpoint: Checkpoint) -> None:
    path = tmp_path / "c.pt"
    save_checkpoint(path, checkpoint)
    content = bytearray(path.read_bytes())
    place = content.index(checkpoint.model["weight"].numpy().tobytes()) + 1000
    content[place] ^= 1
    path.write_bytes(content)
    with pytest.raises(UnusableCheckpointError, match="damaged"):
        load_checkpoint(path, key="k")


def test_a_full_disk_leaves_the_checkpoint_before(
    tmp_path: Path, checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "c.pt"
    save_checkpoint(path, checkpoint)

    def no_space(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", no_space)
    with pytest.raises(StorageError, match="disk is full"):
        save_checkpoint(path, replace(checkpoint, key="next"))
    assert load_checkpoint(path, key="k") is not None
    assert [file.name for file in tmp_path.iterdir()] == ["c.pt"]
