"""A minute of fuzzing; for longer, run ``python tests/support/fuzzing.py --minutes 10``."""

from __future__ import annotations

import time

import pytest
from fuzzing import fuzz, told


@pytest.mark.slow
def test_no_altered_input_breaks_a_reader() -> None:
    seed = int(time.time())
    tallies = fuzz(60, seed)
    assert {reader: tally.crashed for reader, tally in tallies.items() if tally.crashed} == {}, f"seed {seed}"
    for tally in tallies.values():
        assert tally.refused > 20, told(tallies)
        assert tally.accepted > 0, told(tallies)
