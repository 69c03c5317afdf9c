"""The folder that MLflow keeps of a logged model, looked at before anything in it is loaded, and without MLflow.

MLflow's own loader imports whatever module ``MLmodel`` names, and runs the code that lies beside it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from assets.resources.store import MODEL_FILE
from har_core.base.errors import InputError, Problem
from har_core.datasets.dsads.layout import SEGMENT_LENGTH

_LOADER = "mlflow.pytorch"
_LAST_LOADED = "registered_model_meta"


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """A logged model that may be loaded."""

    graph: Path
    """The exported graph (``.pt2``)."""
    window_length: int
    """Samples in a window."""
    join_segments: bool
    """Whether the windows that it was fitted to go on from one segment into the next."""


def read_model_files(folder: Path, model_uri: str) -> ModelFiles:
    """Look at the files of the model at ``model_uri``.

    Raises:
        InputError: they are gone, or they are not those of an exported PyTorch model and nothing else.
    """
    try:
        description = yaml.safe_load((folder / "MLmodel").read_bytes())
    except OSError as error:
        raise InputError(f"{model_uri}: its files in {folder} cannot be read ({error.strerror})") from error
    except yaml.YAMLError as error:
        raise InputError(f"{model_uri}: {folder / 'MLmodel'} is damaged") from error
    problems = list(_problems(folder, description if isinstance(description, dict) else {}))
    if problems:
        raise InputError(f"{model_uri}: no exported PyTorch model, as those are that `har run` registers", problems)
    metadata = description.get("metadata") or {}
    length = metadata.get("window_length", SEGMENT_LENGTH)
    return ModelFiles(
        graph=folder / MODEL_FILE,
        window_length=length,
        join_segments=metadata.get("join_segments", False),
    )


def files_of_model(folder: Path) -> list[Path]:
    """Every file of a logged model, but for the one in which MLflow notes by what name it was last loaded."""
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name != _LAST_LOADED)


def _problems(folder: Path, description: Mapping[str, Any]) -> Iterator[Problem]:
    """What is not as MLflow writes it for a model that is exported to pt2."""
    flavors = description.get("flavors") or {}
    if not {"pytorch", "python_function"}.issuperset(flavors) or "pytorch" not in flavors:
        yield Problem(path="flavors", value=", ".join(flavors) or None, expected="pytorch and python_function alone")
    loader = flavors.get("python_function", {}).get("loader_module")
    if loader != _LOADER:
        yield Problem(path="loader_module", value=loader, expected=_LOADER)
    if (folder / "code").exists() or any(flavor.get("code") for flavor in flavors.values()):
        yield Problem(path="code", value="code that its loader would run", expected="none")
    held = {path.relative_to(folder).as_posix() for path in (folder / "data").rglob("*")}
    if held != {MODEL_FILE}:
        yield Problem(path="data", value=", ".join(sorted(held)) or None, expected=f"{MODEL_FILE} alone")
