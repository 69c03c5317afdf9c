"""Whether what a materialisation left is still there: its files, and what it recorded in MLflow."""

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from assets.machinery.lineage import HOLDERS, REGISTERED_MODEL, REGISTERED_VERSION, RUN_ID, Latest
from assets.resources.store import CHALLENGER, CHAMPION_ALIAS, Contents
from har_core.base.files import sha256_of_file


def output_problems(root: Path, recorded: Mapping[str, str]) -> list[str]:
    """Which outputs below ``root`` are missing or altered, in words; ``recorded`` is path -> SHA-256."""
    found = []
    for name, sha256 in sorted(recorded.items()):
        path = root / name
        if not path.is_file():
            found.append(f"{name} is missing")
            continue
        stat = path.stat()
        if _sha256(path, stat.st_size, stat.st_mtime_ns) != sha256:
            found.append(f"{name} was altered after it was written")
    return found


def record_problems(made: Latest, held: Contents) -> list[str]:
    """What MLflow, which holds ``held``, lacks of what a materialisation recorded there, in words.

    ``challenger`` names the version of the latest materialisation, and no other. ``champion`` is lost where it names
    nothing, or where the version that it was given is gone; another version is told by :func:`moves_by_hand`.
    """
    return list(_record_problems(made, held))


def moves_by_hand(made: Latest, held: Contents) -> list[str]:
    """Aliases ``champion`` that name another version than the gate left them on, as MLflow's "promote" makes them."""
    aliases = {name: held.aliases.get((name, CHAMPION_ALIAS)) for name in made.metadata.get(HOLDERS) or {}}
    return [
        f"{name}@{CHAMPION_ALIAS} was moved past the gate, from version {version} to {aliases[name]}"
        for name, version in (made.metadata.get(HOLDERS) or {}).items()
        if aliases[name] not in {None, version}
    ]


def recorded_aliases(made: Latest) -> Iterator[tuple[str, int, str]]:
    """Registered model, version and alias of each alias that a materialisation set."""
    if REGISTERED_VERSION in made.metadata:
        yield str(made.metadata[REGISTERED_MODEL]), int(made.metadata[REGISTERED_VERSION]), CHALLENGER
    for name, version in (made.metadata.get(HOLDERS) or {}).items():
        yield name, version, CHAMPION_ALIAS


def _record_problems(made: Latest, held: Contents) -> Iterator[str]:
    if made.metadata.get(RUN_ID, "") and made.metadata[RUN_ID] not in held.runs:
        yield "its MLflow run was deleted"
    for name, version, alias in recorded_aliases(made):
        if version not in held.versions.get(name, ()):
            yield f"{name} version {version} was deleted from the registry"
            continue
        named = held.aliases.get((name, alias))
        if named is None:
            yield f"{name} has lost its alias {alias}"
        elif alias == CHALLENGER and named != version:
            yield f"{name}@{alias} names version {named}, not {version}"


@cache
def _sha256(path: Path, _size: int, _mtime_ns: int) -> str:
    """Taken again only when size or time of change are other ones."""
    return sha256_of_file(path)
