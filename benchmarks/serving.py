"""What a request to a served model takes, in bytes and in time: JSON, JSON of few digits, Parquet, and no server.

``mlflow models serve`` runs elsewhere, as ``docs/model_lookup.md`` has it, and ``MLFLOW_TRACKING_URI`` names the same
home: ``python benchmarks/serving.py http://127.0.0.1:5001 models:/har@champion .demo/data/raw/synthetic``. Each round
sends every way in turn; ratios are taken within a round.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import httpx
import numpy as np
import numpy.typing as npt
from mlflow.pyfunc import PyFuncModel, load_model

from har_core.inference.served import PARQUET, to_parquet

Windows = npt.NDArray[np.float32]
BASE = "JSON"
ROUNDS, WARM = 20, 2


def as_json(windows: Windows) -> bytes:
    """As ``tolist`` gives float32: 17 digits."""
    return json.dumps({"inputs": windows.tolist()}).encode()


def as_short_json(windows: Windows) -> bytes:
    """As many digits as float32 has: what ``str`` gives of it."""
    numbers = iter(list(map(float, windows.astype(str).reshape(-1))))
    num_samples, num_channels = windows.shape[1:]
    inputs = [[list(islice(numbers, num_channels)) for _ in range(num_samples)] for _ in windows]
    return json.dumps({"inputs": inputs}, separators=(",", ":")).encode()


BODIES: dict[str, tuple[str, Callable[[Windows], bytes]]] = {
    BASE: ("application/json", as_json),
    "JSON, few digits": ("application/json", as_short_json),
    "Parquet": (PARQUET, to_parquet),
}


def read_windows(folder: Path, size: int) -> Windows:
    """As many windows of 5 s, from files all over the folder."""
    paths = sorted(folder.glob("a*/p*/s*.txt"))
    chosen = paths[:: len(paths) // size][:size]
    return np.stack([np.loadtxt(path, delimiter=",", dtype=np.float32) for path in chosen])


def measure(server: httpx.Client, model: PyFuncModel, windows: Windows) -> None:
    """Print a row for each way."""
    expected = model.predict(windows)
    times: dict[str, list[float]] = {way: [] for way in (*BODIES, "no server")}
    sizes = {way: len(body(windows)) / len(windows) for way, (_, body) in BODIES.items()} | {"no server": 0.0}
    for number in range(WARM + ROUNDS):
        for way, own in times.items():
            started = time.perf_counter()
            if way in BODIES:
                kind, body = BODIES[way]
                answer = server.post("/invocations", content=body(windows), headers={"Content-Type": kind})
                answered = np.asarray(answer.raise_for_status().json()["predictions"], dtype=np.float32)
            else:
                answered = model.predict(windows)
            taken = time.perf_counter() - started
            np.testing.assert_allclose(answered, expected, atol=1e-5)
            if number >= WARM:
                own.append(taken)
    for way, own in times.items():
        ratios = sorted(base / mine for base, mine in zip(times[BASE], own, strict=True))
        middle = ratios[len(ratios) // 10 : -len(ratios) // 10]
        print(
            f"| {len(windows)} | {way} | {sizes[way]:,.0f} | {statistics.median(own) * 1e3:.1f} ms "
            f"| {statistics.median(ratios):.2f} × ({middle[0]:.2f} to {middle[-1]:.2f}) |"
        )


def main(address: str, model_uri: str, folder: Path) -> None:
    """Measure 1 and 64 windows."""
    model = load_model(model_uri)
    print(f"| windows | way | bytes a window | median request | faster than {BASE} (8 of 10 rounds) |")
    with httpx.Client(base_url=address, timeout=60) as server:
        for size in (1, 64):
            measure(server, model, read_windows(folder, size))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
