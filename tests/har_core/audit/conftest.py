"""Sound recordings of DSADS, made without a break, into which a test plants what is wrong."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pytest
from data_sets import dsads_recording

from har_core.audit.defects import find_defects
from har_core.datasets.dsads.dataset import DSADS
from har_core.datasets.dsads.synthetic.writer import make_recording
from har_core.datasets.recordings import Recording, RecordingKey

NUM_SEGMENTS = 8


class Lab:
    """Two subjects standing and walking, and the audit of what a test makes of them."""

    keys = tuple(RecordingKey(subject, session) for subject in (1, 2) for session in (2, 9))
    num_rows = NUM_SEGMENTS * 125

    def __init__(self) -> None:
        self._made = {key: self.made(3, key, NUM_SEGMENTS).T.copy() for key in self.keys}

    @staticmethod
    def made(seed: int, key: RecordingKey, num_segments: int) -> np.ndarray:
        """Rows (n, 45) without a break."""
        rows = make_recording(seed=seed, subject=key.subject, activity=key.session, num_segments=num_segments)
        return np.round(rows, 5).astype(np.float32)

    def sound(self) -> dict[RecordingKey, np.ndarray]:
        """Samples (45, 1000), to be changed."""
        return {key: samples.copy() for key, samples in self._made.items()}

    @staticmethod
    def rows(samples: np.ndarray) -> np.ndarray:
        """Samples as rows (n, 45); a view."""
        return samples.T

    @staticmethod
    def recording(key: Sequence[int], samples: np.ndarray, segments: Iterable[int] | None = None) -> Recording:
        return dsads_recording(key[0], key[1], segments or range(1, samples.shape[1] // 125 + 1), samples)

    def audit(self, samples: dict[RecordingKey, np.ndarray], *kinds: str) -> list[dict[str, Any]]:
        """What is found, of these kinds or of all."""
        found = find_defects([self.recording(key, values) for key, values in samples.items()], DSADS).to_pylist()
        for row in found:
            assert row["last_row"] == row["first_row"] + row["num_rows"] - 1
            assert (row["activity"], row["other_activity"]) == (row["session"], row["other_session"])
        return [row for row in found if not kinds or row["kind"] in kinds]

    @staticmethod
    def place(row: dict[str, Any]) -> tuple[RecordingKey, int, int, str]:
        """Recording, first row counted from its start, rows, channels."""
        key = RecordingKey(row["subject"], row["session"])
        return key, 125 * (row["segment"] - 1) + row["first_row"], row["num_rows"], row["channels"]

    @staticmethod
    def other(row: dict[str, Any]) -> tuple[RecordingKey, int]:
        """The other recording, and the first row there."""
        key = RecordingKey(row["other_subject"], row["other_session"])
        return key, 125 * (row["other_segment"] - 1) + row["other_first_row"]


@pytest.fixture(scope="session")
def lab() -> Lab:
    return Lab()
