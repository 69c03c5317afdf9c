"""A small fuzzer of the readers: text, zip, experiment file, manifest. Right input is altered until something breaks.

An error of ours is a refusal; every other exception is a crash, and so is an input that takes longer than
``MOST_SECONDS``. Run for ten minutes by ``python tests/support/fuzzing.py --minutes 10``.
"""

from __future__ import annotations

import argparse
import io
import json
import random
import signal
import tempfile
import time
import traceback
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from har_core.base.errors import HarError
from har_core.datasets.dsads.dataset import DSADS
from har_core.datasets.dsads.format import Dsads
from har_core.datasets.dsads.reader import canonical, find_problems, parse_segments
from har_core.datasets.manifest import ingest, read_manifest
from har_core.experiment.loader import load_experiment

MOST_SECONDS = 20
PART_LENGTH = DSADS.segment_length or 0
_EXPERIMENTS = Path(__file__).parents[2] / "experiments"
_PIECES = {
    "text": [
        b"\xef\xbb\xbf",
        b"\r",
        b"\r\n",
        b"\n\n",
        b",,",
        b"nan",
        b"1e39",
        b"\0",
        b'"',
        b" " * 600_000,
        b"\xff\xfe",
        b";",
    ],
    "zip": [b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06", b"PK\x06\x06", b"\xff" * 4, b"\xff" * 8, bytes(4), b"../"],
    "toml": [
        b"[[",
        b"]]",
        b'"""',
        b"'''",
        b"[" * 60,
        b"9" * 5_000,
        b"0x" + b"f" * 5_000,
        b"\x1b[31m",
        b"a." * 99,
        b"=",
        b"{",
    ],
    "manifest": [b"PAR1", bytes(8), b"\xff" * 8, b"\x15\x00", b"\x80" * 12],
}


@dataclass
class Tally:
    """What became of the inputs of one reader."""

    tried: int = 0
    refused: int = 0
    accepted: int = 0
    crashed: Counter[str] = field(default_factory=Counter)
    """Times of each way to crash: the exception and where it was raised."""


class TookTooLongError(Exception):
    """A reader that does not end."""


def fuzz(
    seconds: float, seed: int, on_crash: Callable[[str, bytes], None] = lambda reader, content: None
) -> dict[str, Tally]:
    """Alter and read until ``seconds`` are over; ``on_crash`` is given what broke a reader."""
    choose = random.Random(seed)  # noqa: S311
    signal.signal(signal.SIGALRM, _stop)
    tallies = {reader: Tally() for reader in _PIECES}
    with tempfile.TemporaryDirectory() as folder:
        seeds, readers = _seeds(Path(folder)), _readers(Path(folder))
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for reader, read in readers.items():
                content = _alter(choose.choice(seeds[reader]), choose, _PIECES[reader])
                if _crashes(read, content, tallies[reader]):
                    on_crash(reader, content)
    return tallies


def _crashes(read: Callable[[bytes], object], content: bytes, tally: Tally) -> bool:
    tally.tried += 1
    signal.alarm(MOST_SECONDS)
    try:
        read(content)
    except HarError as error:
        str(error).encode()
        tally.refused += 1
    except Exception as error:  # noqa: BLE001 - that is what is looked for
        place = traceback.extract_tb(error.__traceback__)[-1]
        tally.crashed[f"{type(error).__name__} in {place.filename}:{place.lineno}"] += 1
        return True
    else:
        tally.accepted += 1
    finally:
        signal.alarm(0)
    return False


def _stop(*_: object) -> None:
    raise TookTooLongError


def _alter(content: bytes, choose: random.Random, pieces: list[bytes]) -> bytes:
    altered = bytearray(content)
    for _ in range(choose.choice((1, 1, 2, 3, 8))):
        at = choose.randrange(len(altered) + 1)
        size = choose.choice((1, 1, 2, 4, 16, 200))
        kind = choose.randrange(7)
        if kind == 0 and at < len(altered):
            altered[at] ^= 1 << choose.randrange(8)
        elif kind == 1:
            altered[at : at + size] = choose.randbytes(size)
        elif kind == 2:
            del altered[at : at + size]
        elif kind == 3:
            altered[at:at] = altered[at : at + size] * choose.choice((1, 2, 50))
        elif kind == 4:
            altered[at:at] = choose.choice(pieces)
        elif kind == 5:
            piece = choose.choice(pieces)
            altered[at : at + len(piece)] = piece
        elif choose.random() < 0.2:
            del altered[at:]
    return bytes(altered)


def _readers(folder: Path) -> dict[str, Callable[[bytes], object]]:
    def text(content: bytes) -> None:
        found = canonical(content)
        if not find_problems("f", found):
            samples = parse_segments([found], ["f"])
            if samples.shape != (DSADS.num_channels, PART_LENGTH) or not np.isfinite(samples).all():
                raise AssertionError("accepted what is no segment")
        else:
            raise HarError("refused")

    def written(name: str, content: bytes) -> Path:
        (folder / name).write_bytes(content)
        return folder / name

    def archive(content: bytes) -> None:
        with Dsads().open(written("a.zip", content), any_names=True) as source:
            for file in source.files:
                source.read(file)
            for path in source.loose:
                source.read_loose(path)

    return {
        "text": text,
        "zip": archive,
        "toml": lambda content: load_experiment(written("a.toml", content)),
        "manifest": lambda content: read_manifest(written("a.parquet", content)),
    }


def _seeds(folder: Path) -> dict[str, list[bytes]]:
    segment = _segment()
    zips = list(_zips(segment))
    (folder / "right.zip").write_bytes(zips[0])
    with Dsads().open(folder / "right.zip") as source:
        ingest(Dsads(), source, manifest_path=folder / "manifest", recordings_path=folder / "recordings")
    return {
        "text": [segment, segment.replace(b"\n", b"\r\n"), b"\xef\xbb\xbf" + segment],
        "zip": zips,
        "toml": [path.read_bytes() for path in sorted(_EXPERIMENTS.glob("*.toml"))],
        "manifest": [(folder / "manifest").read_bytes()],
    }


def _segment() -> bytes:
    values = np.random.default_rng(0).normal(size=(PART_LENGTH, DSADS.num_channels))
    return "".join(",".join(f"{value:.5f}" for value in row) + "\n" for row in values).encode()


def _zips(segment: bytes) -> Iterator[bytes]:
    names = [f"a{activity:02d}/p1/s01.txt" for activity in range(1, 20)]
    for compression in (zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", compression) as archive:
            for name in names if compression == zipfile.ZIP_DEFLATED else [*names[:2], "notes.txt", "ü.md"]:
                archive.writestr(name, segment if compression == zipfile.ZIP_DEFLATED else segment[:2_000])
        yield buffer.getvalue()


def told(tallies: dict[str, Tally]) -> str:
    """The counts as JSON."""
    return json.dumps({reader: vars(tally) for reader, tally in tallies.items()}, indent=2)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--keep", type=Path, help="folder for the inputs that broke a reader")
    arguments = parser.parse_args()

    def keep(reader: str, content: bytes) -> None:
        """Write it where it can be looked at."""
        if arguments.keep is not None:
            arguments.keep.mkdir(parents=True, exist_ok=True)
            (arguments.keep / f"{reader}-{abs(hash(content))}").write_bytes(content)

    print(f"seed {arguments.seed}")  # noqa: T201
    print(told(fuzz(60 * arguments.minutes, arguments.seed, keep)))  # noqa: T201
