"""Where recordings come from: people, or a generator."""

from typing import Literal

Origin = Literal["real", "synthetic"]
