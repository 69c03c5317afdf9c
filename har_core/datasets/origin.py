"""Where recordings come from: people, or a generator."""

from typing import Literal

Origin = Literal["real", "synthetic"]

SYNTHETIC_MARKER = "SYNTHETIC.txt"
"""A file of this name in a source says that its recordings were made, not measured."""
