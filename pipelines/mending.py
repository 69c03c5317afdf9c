"""Puts back in MLflow what was recorded there and costs no work: runs out of its bin, and aliases.

What is gone for good, such as a deleted version, is made again by its asset (:attr:`assets.machinery.materialisation.
Work.kept`).
"""

from __future__ import annotations

from assets.machinery.lineage import RUN_ID, Latest
from assets.machinery.presence import recorded_aliases
from assets.resources.store import CHALLENGER
from assets.resources.tracking import Tracking


def put_back(tracking: Tracking, made: Latest) -> None:
    """Restore the run and the aliases of a materialisation, where they can be."""
    run_id = made.metadata.get(RUN_ID, "")
    run = tracking.read_run(run_id) if tracking.path.is_file() else None
    if run is not None and run.status == "DELETED":
        tracking.restore_run(run_id)
    held = tracking.contents()
    for name, version, alias in recorded_aliases(made):
        named = held.aliases.get((name, alias))
        if version in held.versions.get(name, ()) and (named is None or (alias == CHALLENGER and named != version)):
            tracking.set_alias(name, alias, version)
