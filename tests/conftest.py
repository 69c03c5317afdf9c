"""What holds for all tests."""

from __future__ import annotations

from hypothesis import settings

# A busy machine is no failure: how long an example takes says nothing of what it shows.
settings.register_profile("har", deadline=None)
settings.load_profile("har")
