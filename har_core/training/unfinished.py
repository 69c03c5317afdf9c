"""Where the state of an unfinished training lies. What is in it is in :mod:`.checkpoints`; this needs no PyTorch."""

from __future__ import annotations

from pathlib import Path


def of_pretraining(checkpoint: Path) -> Path:
    """The state of the pretraining that comes before the training whose state is ``checkpoint``."""
    return checkpoint.with_suffix(f".pretraining{checkpoint.suffix}")


def forget(checkpoint: Path) -> None:
    """Remove both, where they are."""
    for path in (checkpoint, of_pretraining(checkpoint)):
        path.unlink(missing_ok=True)
