"""The folder that MLflow keeps of a logged model, looked at before anything in it is loaded, and without MLflow.

MLflow's own loader imports whatever module ``MLmodel`` names, runs the code that lies beside it, and looks at no hash.
Here a model is loaded only if it has the form that ``har run`` writes and the hashes that were recorded with it.
"""

import json
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from assets.resources.store import MODEL_FILE, Store
from har_core.base.errors import InputError, Problem
from har_core.base.files import sha256_of_file

if TYPE_CHECKING:
    from har_core.inference.likeness import TrainingWindows
    from har_core.spec.dataset import DatasetSpec

_KIB, _MIB = 1024, 1024**2
_DESCRIPTION = "MLmodel"
_LARGEST = {
    _DESCRIPTION: 256 * _KIB,
    "conda.yaml": 64 * _KIB,
    "python_env.yaml": 64 * _KIB,
    "requirements.txt": 64 * _KIB,
    "input_example.json": 64 * _MIB,
    "serving_input_example.json": 64 * _MIB,
    MODEL_FILE: 2048 * _MIB,
}
"""Every file of a model, and the most bytes that it may have."""
_OF_READERS = {"registered_model_meta": 64 * _KIB}
"""What MLflow writes beside them wherever a model is loaded, and nobody reads: it has no hash."""
_NECESSARY = (_DESCRIPTION, MODEL_FILE)
_FLAVORS: Mapping[str, Mapping[str, object]] = {
    "python_function": {
        "config": {"device": None},
        "data": "data",
        "env": {"conda": "conda.yaml", "virtualenv": "python_env.yaml"},
        "loader_module": "mlflow.pytorch",
        "pickle_module_name": "mlflow.pytorch.pickle_module",
        "python_version": str,
    },
    "pytorch": {"code": None, "model_data": "data", "pytorch_version": str},
}
"""What ``MLmodel`` says of how the model is loaded; a type stands for any value of it."""
_METADATA: Mapping[str, object] = {
    "dataset": dict,
    "join_segments": bool,
    "training_windows": dict,
    "window_length": int,
}
_LONGEST_WINDOW = 7500
"""``har_core.settings.windows.MAX_LENGTH``, without what that imports."""
_DEEPEST = 10
"""Lists and mappings within each other."""
_MOST_NAMES = 100
_OF_YAML = (yaml.YAMLError, ValueError, OverflowError, RecursionError, TypeError)
FOR_PERSON = "-for-"
"""What stands in the name of a model of one person, and in no other."""


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """A logged model that may be loaded."""

    graph: Path
    """The exported graph (``.pt2``)."""
    spec: "DatasetSpec"
    """What the windows are of that it takes, and which activities it answers."""
    window_length: int
    """Samples in a window."""
    join_segments: bool
    """Whether the windows that it was fitted to go on from one segment into the next."""
    training: "TrainingWindows"
    """What those windows held."""


def find_model(store: Store, model_uri: str) -> ModelFiles:
    """The files of a registered model, which are those that were registered.

    Args:
        store: of the home.
        model_uri: an address of :meth:`Store.resolve`, or ``models:/m-…`` of a logged model.

    Raises:
        InputError: there is no such model, its files are gone or are not as ``har run`` writes them, or no hashes were
            recorded when it was registered.
        DamagedModelError: a file is not the one that was registered.
    """
    folder = store.folder_of(model_uri)
    model = read_model_files(folder, model_uri)
    recorded = store.files_of(model_uri)
    if recorded is None:
        raise InputError(
            f"{model_uri}: the hashes of its files were not recorded when it was registered, so nobody can say whether "
            f"they are still the same; `har run --force` registers a new one"
        )
    altered = altered_files(folder, recorded)
    if altered:
        from har_core.inference.archive import DamagedModelError

        files = " and ".join(str(folder / name) for name in altered)
        raise DamagedModelError(f"{model_uri}: altered or gone since it was registered: {files}; {_again(model_uri)}")
    return model


def altered_files(folder: Path, recorded: str) -> list[str]:
    """Files in ``folder`` that are not as ``recorded``, which :func:`hash_model_files` gave, or are missing."""
    found, expected = json.loads(hash_model_files(folder)), _hashes(recorded)
    return [name for name in sorted({*found, *expected, *_NECESSARY}) if found.get(name, "") != expected.get(name)]


def files_of_model(folder: Path) -> list[Path]:
    """Every file of a model that is there."""
    return [path for name in sorted(_LARGEST) if (path := folder / name).is_file()]


def hash_model_files(folder: Path) -> str:
    """SHA-256 of every file of a model, as JSON: an object by name."""
    return json.dumps({path.relative_to(folder).as_posix(): sha256_of_file(path) for path in files_of_model(folder)})


def read_model_files(folder: Path, model_uri: str) -> ModelFiles:
    """Look at the files of the model at ``model_uri``, whatever their hashes are.

    Raises:
        InputError: they are gone, or they are not those of an exported PyTorch model and nothing else.
    """
    from har_core.inference.likeness import TrainingWindows  # brings NumPy: not before there is a model
    from har_core.spec.dataset import DatasetSpec

    try:
        _require(model_uri, _problems_of_files(folder))
        content = (folder / _DESCRIPTION).read_bytes()
    except OSError as error:
        raise InputError(
            f"{model_uri}: its files in {folder} cannot be read ({error.strerror}); {_again(model_uri)}"
        ) from error
    try:
        description = _parse(content)
    except _OF_YAML as error:
        raise InputError(f"{model_uri}: {folder / _DESCRIPTION} is damaged; {_again(model_uri)}") from error
    _require(model_uri, _problems_of_description(description))
    metadata = description["metadata"]
    try:
        spec = DatasetSpec.parse(metadata["dataset"], where="metadata.dataset")
    except InputError as error:
        raise _refusal(model_uri, error.problems) from error
    _require(model_uri, _differences("metadata", metadata, told_of(spec), exactly=False))
    try:
        training = TrainingWindows.from_metadata(metadata["training_windows"], spec)
    except InputError as error:
        raise InputError(f"{model_uri}: {folder / _DESCRIPTION}: {error}; {_again(model_uri)}") from error
    return ModelFiles(
        graph=folder / MODEL_FILE,
        spec=spec,
        window_length=metadata["window_length"],
        join_segments=metadata["join_segments"],
        training=training,
    )


def _again(model_uri: str) -> str:
    """Which command makes the model anew."""
    return f"`har {'personalise' if FOR_PERSON in model_uri else 'run'}` makes it again"


def told_of(spec: "DatasetSpec") -> dict[str, Any]:
    """What the metadata of a model says again of its data set, for those who look up nothing else."""
    return {
        "activities": list(spec.activities),
        "channels": list(spec.channel_names),
        "units": {channel.name: channel.unit for channel in spec.channels},
        "sampling_rate_hz": spec.sampling_rate_hz,
    }


def _require(model_uri: str, problems: Iterator[Problem]) -> None:
    found = list(problems)
    if found:
        raise _refusal(model_uri, found)


def _refusal(model_uri: str, problems: Iterable[Problem]) -> InputError:
    return InputError(
        f"{model_uri}: no model as `har run` registers them, so it is not loaded; {_again(model_uri)}", problems
    )


def _problems_of_files(folder: Path) -> Iterator[Problem]:
    """Files that are missing, no files, too large, or more than a model has."""
    largest = {**_LARGEST, **_OF_READERS}
    found = dict(islice(_entries(folder), _MOST_NAMES))
    for name in _NECESSARY:
        if name not in found:
            yield Problem(path=str(folder / name), expected="this file of the model")
    for name, status in found.items():
        place = str(folder / name)
        if name not in largest:
            yield Problem(path=place, value="a file", expected=f"these alone: {', '.join(_LARGEST)}")
        elif not stat.S_ISREG(status.st_mode):
            yield Problem(path=place, value="a link, device or folder", expected="a regular file")
        elif status.st_size > largest[name]:
            yield Problem(path=place, value=f"{status.st_size:,} bytes", expected=f"at most {largest[name]:,}")


def _entries(folder: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Names below ``folder``, as of what is in a model, and what lies there; links are not followed."""
    data = os.path.dirname(MODEL_FILE)  # noqa: PTH120 - a name
    for below in ("", data):
        with os.scandir(folder / below) as entries:
            for entry in entries:
                status = entry.stat(follow_symlinks=False)
                if below or entry.name != data or not stat.S_ISDIR(status.st_mode):
                    yield f"{below}/{entry.name}" if below else entry.name, status


def _parse(content: bytes) -> Any:
    """The YAML of a description: plain values, no references, which could make much of little.

    Raises:
        yaml.YAMLError: it is none, or holds objects; so do the others of ``_OF_YAML``.
    """
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    depth = 0
    for event in yaml.parse(content, Loader=loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if isinstance(event, yaml.AliasEvent) or depth > _DEEPEST:
            raise ValueError("references, or lists too deep")
    return yaml.load(content, Loader=loader)  # noqa: S506 - one of the two safe ones


def _problems_of_description(description: Any) -> Iterator[Problem]:
    """What is not as MLflow writes it for a model that is exported to pt2, and as this project describes it."""
    if not isinstance(description, dict):
        yield Problem(path=_DESCRIPTION, value=type(description).__name__, expected="a description by name")
        return
    yield from _differences("flavors", description.get("flavors"), _FLAVORS, exactly=True)
    yield from _differences("metadata", description.get("metadata"), _METADATA, exactly=False)
    metadata = description.get("metadata")
    length = metadata.get("window_length") if isinstance(metadata, dict) else None
    if isinstance(length, int) and not 1 <= length <= _LONGEST_WINDOW:
        yield Problem(path="metadata.window_length", value=str(length), expected=f"1 to {_LONGEST_WINDOW}")


def _differences(path: str, found: Any, expected: object, *, exactly: bool) -> Iterator[Problem]:
    """Where ``found`` is not ``expected``, of which a mapping may lack no key, nor have more if ``exactly``."""
    if isinstance(expected, Mapping):
        if not isinstance(found, dict):
            yield Problem(path=path, value=_shown(found), expected="values by name")
            return
        if exactly and set(found) - set(expected):
            more = ", ".join(sorted(map(str, set(found) - set(expected))))
            yield Problem(path=path, value=_shown(more), expected=f"{', '.join(expected)} alone")
        for name, value in expected.items():
            yield from _differences(f"{path}.{name}", found.get(name), value, exactly=exactly)
    elif isinstance(expected, type):
        if type(found) is not expected:
            yield Problem(path=path, value=_shown(found), expected=f"a value of the type {expected.__name__}")
    elif found != expected:
        yield Problem(path=path, value=_shown(found), expected=_shown(expected) or "nothing")


def _shown(value: object) -> str | None:
    text = str(value)
    return None if value is None else text if len(text) <= _MOST_NAMES else f"{text[:_MOST_NAMES]}…"


def _hashes(recorded: str) -> dict[str, Any]:
    try:
        hashes = json.loads(recorded)
    except (ValueError, RecursionError):
        return {}
    return hashes if isinstance(hashes, dict) else {}
