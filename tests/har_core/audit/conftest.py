"""Sound recordings, made without a break, into which a test plants what is wrong."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pytest

from har_core.audit.defects import find_defects
from har_core.datasets.dsads.layout import RecordingKey
from har_core.datasets.dsads.recordings import Recording
from har_core.datasets.dsads.synthetic.writer import make_recording

NUM_SEGMENTS = 8


class Lab:
    """Two subjects standing and walking, and the audit of what a test makes of them."""

    keys = tuple(RecordingKey(subject, activity) for subject in (1, 2) for activity in (2, 9))
    num_rows = NUM_SEGMENTS * 125

    def __init__(self) -> None:
        self._made = {
            key: np.round(make_recording(seed=3, **key._asdict(), num_segments=NUM_SEGMENTS).T, 5).astype(np.float32)
            for key in self.keys
        }

    def sound(self) -> dict[RecordingKey, np.ndarray]:
        """Samples (45, 1000), to be changed."""
        return {key: samples.copy() for key, samples in self._made.items()}

    @staticmethod
    def rows(samples: np.ndarray) -> np.ndarray:
        """Samples as rows (n, 45); a view."""
        return samples.T

    @staticmethod
    def recording(key: Sequence[int], samples: np.ndarray, segments: Iterable[int] | None = None) -> Recording:
        numbers = tuple(range(1, samples.shape[1] // 125 + 1) if segments is None else segments)
        return Recording(subject=key[0], activity=key[1], segments=numbers, samples=samples)

    def audit(self, samples: dict[RecordingKey, np.ndarray], *kinds: str) -> list[dict[str, Any]]:
        """What is found, of these kinds or of all."""
        found = find_defects([self.recording(key, values) for key, values in samples.items()]).to_pylist()
        for row in found:
            assert row["last_row"] == row["first_row"] + row["num_rows"] - 1
        return [row for row in found if not kinds or row["kind"] in kinds]

    @staticmethod
    def place(row: dict[str, Any]) -> tuple[RecordingKey, int, int, str]:
        """Recording, first row counted from its start, rows, channels."""
        key = RecordingKey(row["subject"], row["activity"])
        return key, 125 * (row["segment"] - 1) + row["first_row"], row["num_rows"], row["channels"]

    @staticmethod
    def other(row: dict[str, Any]) -> tuple[RecordingKey, int]:
        """The other recording, and the first row there."""
        key = RecordingKey(row["other_subject"], row["other_activity"])
        return key, 125 * (row["other_segment"] - 1) + row["other_first_row"]


@pytest.fixture(scope="session")
def lab() -> Lab:
    return Lab()
