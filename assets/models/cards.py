"""The words in MLflow's registry: a card for each version, what each registered model is, the way back to its asset.

What a card says is the core's business (:mod:`har_core.evaluation.model_card`); here it is gathered, and put there.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dagster as dg

from assets.machinery.code_versions import INGREDIENTS
from assets.machinery.keys import FOLDS_GROUP, SPLITS, WINDOWS, fold_key, model_key
from assets.machinery.lineage import RUN_ID, Remembered, fold_partitions, history, upstream_versions
from assets.machinery.materialisation import Work
from assets.machinery.presentation import links_of
from assets.resources.addresses import asset_url
from assets.resources.model_files import read_model_files
from assets.resources.store import ASSET_TAG, COPIED_FROM_TAG, OVERALL, RegisteredVersion, local_path
from har_core.base.errors import InputError
from har_core.base.files import sha256_of_file
from har_core.settings.report import TESTING_IN_TURN

if TYPE_CHECKING:
    import pyarrow as pa

    from har_core.evaluation.records import ModelRecord
    from har_core.evaluation.results import FoldResult

_OVERALL = (
    "The model to use has the alias `champion`. Each version is a copy of one of another registered model, which the "
    "asset `champion` found surely better by validation scores than the one before, or as good and cheaper."
)


@dataclass(frozen=True, slots=True)
class _Made:
    """What a model or a fold was made from."""

    ingredients: Mapping[str, Any]
    """As :class:`~assets.machinery.code_versions.Ingredients` has them."""
    inputs: Mapping[str, str]
    """Data version by asset."""

    @classmethod
    def of(cls, remembered: Remembered, work: Work) -> "_Made":
        """The MLflow run knows inputs that have folds by their own version; Dagster hashes it."""
        metadata = remembered.entry.metadata
        run = work.run.tracking.read_run(metadata[RUN_ID]) if RUN_ID in metadata else None
        return cls(metadata.get(INGREDIENTS) or {}, (run.upstream if run is not None else None) or remembered.inputs)


def write_card(work: Work, entry: RegisteredVersion, record: "ModelRecord", predictions: "pa.Table") -> str:
    """Make the card of a version that this materialisation registers its description; returns the card."""
    spec = work.context.assets_def.get_asset_spec(work.context.asset_key)
    made = _Made(spec.metadata.get(INGREDIENTS) or {}, upstream_versions(work.context))
    return _write(work, entry, made, (work.run.tags, work.run.url), (record, predictions))


def write_card_again(work: Work, entry: RegisteredVersion) -> None:
    """Write the card of a version that was made earlier, with the folds that there are by now.

    What its run has kept says what it is; where that, or Dagster's record of it, is gone or cannot be read, its card
    stays as it was.
    """
    from har_core.evaluation.records import ModelRecord, read_record
    from har_core.inference.predictions import read_predictions

    run = work.run.tracking.read_run(entry.run_id)
    folder = None if run is None else local_path(run.artifacts)
    if run is None or folder is None:
        return
    kept = folder / "result.json", folder / "predictions.parquet"
    key = dg.AssetKey.from_user_string(run.tags.get(ASSET_TAG) or "none")
    past = history(work.context.instance, key)
    made = next((made for made in past if made.entry.metadata.get(RUN_ID) == entry.run_id), None)
    if made is None or not all(path.is_file() for path in kept):
        return
    try:
        record, predictions = read_record(kept[0], ModelRecord), read_predictions(kept[1])
    except InputError:  # an earlier version of this project wrote them
        return
    _write(work, entry, _Made.of(made, work), (run.tags, run.url), (record, predictions))


def _write(
    work: Work,
    entry: RegisteredVersion,
    made: _Made,
    run: tuple[Mapping[str, str], str],
    kept: "tuple[ModelRecord, pa.Table]",
) -> str:
    """``run`` is the tags and the address of the MLflow run, ``kept`` the record and the predictions."""
    from har_core.evaluation.model_card import Subject, model_card, what_it_is
    from har_core.splits.names import DROPS

    tracking, (record, predictions) = work.run.tracking, kept
    address, what = f"models:/{entry.name}/{entry.version}", what_it_is(record)
    copied = entry.tags.get(COPIED_FROM_TAG, "")
    split = _split(work, made)
    subject = Subject(
        address=address,
        what=f"{f'A copy of {copied}. ' if copied else ''}{what}",
        window_length=read_model_files(tracking.folder_of(address), address).window_length,
        links=links_of(*run),
    )
    card = model_card(
        subject,
        record,
        predictions,
        num_dropped=None
        if split is None
        else {reason: int(split.entry.metadata.get(f"num_dropped_{reason}", 0)) for reason in DROPS},
        folds=_folds(work, record.architecture, made, split),
    )
    asset = "champion" if entry.name == OVERALL else model_key(record.architecture).to_user_string()
    tracking.describe(entry, card)
    tracking.describe_model(entry.name, _OVERALL if entry.name == OVERALL else what, asset_url(asset))
    return card


def _split(work: Work, made: _Made) -> Remembered | None:
    """The split that a model was trained on; of an ensemble, that of a member."""
    instance = work.context.instance
    if (version := made.inputs.get(SPLITS.to_user_string())) is not None:
        return _find(instance, SPLITS, version)
    for name, version in made.inputs.items():
        found = _find(instance, dg.AssetKey.from_user_string(name), version)
        if found is not None:
            return _split(work, _Made.of(found, work))
    return None


def _folds(work: Work, name: str, made: _Made, split: Remembered | None) -> "list[FoldResult]":
    """The folds of the same recipe on the same windows, of the first protocol that has such."""
    instance = work.context.instance
    windows = "" if split is None else split.inputs.get(WINDOWS.to_user_string(), "")
    for protocol in TESTING_IN_TURN:
        names = [partition for partition in fold_partitions(instance) if partition.startswith(f"{protocol}-")]
        latest = [(partition, next(history(instance, fold_key(name), partition), None)) for partition in names]
        found = [
            _read_fold(work, name, partition, fold)
            for partition, fold in latest
            if fold is not None and _is_alike(work, made, fold, partition, windows)
        ]
        if there := [result for result in found if result is not None]:
            return there
    return []


def _is_alike(work: Work, made: _Made, fold: Remembered, partition: str, windows: str) -> bool:
    """Whether a fold was trained by the recipe of a model, on the windows of its split: the code and settings of both.

    An ensemble's are alike where all members' are.
    """
    own, instance = _Made.of(fold, work), work.context.instance
    for part in ("files", "settings"):
        model, theirs = made.ingredients.get(part) or {}, own.ingredients.get(part) or {}
        if not theirs or any(model[name] != value for name, value in theirs.items() if name in model):
            return False
    for name, version in own.inputs.items():
        key = dg.AssetKey.from_user_string(name)
        if key == WINDOWS and version != windows:
            return False
        if key.path[0] == FOLDS_GROUP:
            of_member = model_key(key.path[-1])
            member = _find(instance, of_member, made.inputs.get(of_member.to_user_string(), ""))
            theirs = _find(instance, key, version, partition)
            if member is None or theirs is None:
                return False
            if not _is_alike(work, _Made.of(member, work), theirs, partition, windows):
                return False
    return True


def _read_fold(work: Work, name: str, partition: str, fold: Remembered) -> "FoldResult | None":
    """None where its files are not what it wrote."""
    from har_core.evaluation.records import FoldRecord, read_record
    from har_core.evaluation.results import score_fold
    from har_core.inference.predictions import read_predictions

    root = work.home.root
    if any(
        not (root / path).is_file() or sha256_of_file(root / path) != own for path, own in fold.entry.outputs.items()
    ):
        return None
    record = read_record(work.home.fold_record(name, partition), FoldRecord)
    return score_fold(record, read_predictions(work.home.predictions(fold_key(name).to_user_string(), partition)))


def _find(
    instance: dg.DagsterInstance, key: dg.AssetKey, version: str, partition: str | None = None
) -> Remembered | None:
    """The newest materialisation that had this data version."""
    return next((made for made in history(instance, key, partition) if made.entry.data_version == version), None)
