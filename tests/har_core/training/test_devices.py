"""Device, precision, threads and memory follow the settings and what the machine has."""

from __future__ import annotations

import platform
import subprocess
import sys
from typing import Any

import pytest
import torch

from har_core.base.errors import InputError
from har_core.settings.runtime import RuntimeSettings
from har_core.settings.training import TrainingSettings
from har_core.training.devices import computing, resolve_device, resolve_precision

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


@pytest.mark.parametrize(
    ("cuda", "mps", "expected"),
    [(True, True, "cuda"), (True, False, "cuda"), (False, True, "mps"), (False, False, "cpu")],
)
def test_auto_takes_cuda_else_mps_else_cpu(
    monkeypatch: pytest.MonkeyPatch, cuda: bool, mps: bool, expected: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    assert resolve_device(RuntimeSettings()).type == expected
    assert resolve_device(RuntimeSettings(device="cpu")).type == "cpu"


def test_a_device_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(InputError, match=r"runtime\.device: found 'cuda', expected .* auto or cpu"):
        resolve_device(RuntimeSettings(device="cuda"))


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [({"avx512_bf16": True}, "bf16"), ({"amx_bf16": True}, "bf16"), ({"avx512_f": True}, "fp32"), ({}, "fp32")],
)
def test_auto_takes_bf16_only_of_processors_that_compute_in_it(
    monkeypatch: pytest.MonkeyPatch, capabilities: dict[str, bool], expected: str
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert resolve_precision(TrainingSettings(mixed_precision="auto"), CPU) == expected
    assert resolve_precision(TrainingSettings(mixed_precision="auto"), torch.device("mps")) == "fp32"


@pytest.mark.parametrize(
    ("bf16", "capability", "expected"), [(True, (8, 0), "bf16"), (False, (7, 5), "fp16"), (False, (6, 1), "fp32")]
)
def test_auto_on_cuda(monkeypatch: pytest.MonkeyPatch, bf16: bool, capability: tuple[int, int], expected: str) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: bf16)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: capability)
    assert resolve_precision(TrainingSettings(mixed_precision="auto"), CUDA) == expected


@pytest.mark.parametrize(("setting", "expected"), [("off", "fp32"), ("bf16", "bf16"), ("fp16", "fp16")])
def test_a_precision_that_is_asked_for_is_taken(setting: Any, expected: str) -> None:
    assert resolve_precision(TrainingSettings(mixed_precision=setting), CPU) == expected


def test_threads_are_given_back() -> None:
    before = torch.get_num_threads()
    with pytest.raises(ZeroDivisionError), computing(RuntimeSettings(num_threads=before + 1), CPU):  # noqa: PT012
        assert torch.get_num_threads() == before + 1
        _ = 1 / 0
    assert torch.get_num_threads() == before
    with computing(RuntimeSettings(), CPU):
        assert torch.get_num_threads() == before


MEMORY = """
import resource
from pathlib import Path
import torch
from har_core.settings.runtime import RuntimeSettings
from har_core.training.devices import computing

def page_faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.ones(20_000_000)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

def resident_mb():
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() // 1_000_000

with computing(RuntimeSettings(), torch.device("cpu")):
    faults = min(page_faults() for _ in range(30))  # the first ones may take fresh memory, for want of a gap that fits
    kept = resident_mb()
print(faults, kept - resident_mb())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other allocators keep freed memory as they like")
def test_memory_is_kept_while_computing_and_given_back_after() -> None:
    """In a process of its own: in this one, earlier tests may have moved the allocator off the main arena."""
    result = subprocess.run([sys.executable, "-c", MEMORY], capture_output=True, text=True, check=True)
    faults, given_back_mb = map(int, result.stdout.split())
    assert faults < 1000
    assert given_back_mb > 60  # of the 80 MB of one tensor
