"""How fast the four networks train on the CPU, beside the plain way of writing and training them.

``python benchmarks/training_speed.py`` measures steps of both in turns, in one process, so that whatever else the
machine does slows both down; it prints a Markdown table for ``docs/results/training_speed.md``.

``--quick``: a round of small batches, to see that it works; its ratios mean little. On a busy machine, ``--threads 1
--clock cpu`` counts the seconds that the processor gave to this process.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time
from collections.abc import Callable

import torch
from plain_networks import make_plain
from torch import nn
from torch.nn.functional import cross_entropy

from har_core.models import create_model
from har_core.settings.runtime import RuntimeSettings
from har_core.settings.training import TrainingSettings
from har_core.training.devices import autocast, computing, resolve_precision
from har_core.training.optimization import make_optimizer

ARCHITECTURES = ("cnn", "resnet", "lstm", "shufflenet")
NUM_TIMEPOINTS, NUM_CHANNELS, NUM_CLASSES = 125, 45, 19
CPU = torch.device("cpu")
CLOCKS: dict[str, Callable[[], float]] = {"wall": time.perf_counter, "cpu": time.process_time}


def measure(step: Callable[[], None], seconds: float, clock: Callable[[], float]) -> float:
    """Steps a second, after one step that does not count, over at least two steps and ``seconds``."""
    step()
    start, num_steps = clock(), 0
    while num_steps < 2 or clock() - start < seconds:  # noqa: PLR2004
        step()
        num_steps += 1
    return num_steps / (clock() - start)


def plain_step(model: nn.Module, x: torch.Tensor, y: torch.Tensor) -> Callable[[], None]:
    """A step as the tutorials write it: float32, AdamW as it comes."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-4, weight_decay=1e-3)

    def step() -> None:
        optimizer.zero_grad()
        cross_entropy(model(x), y).backward()
        optimizer.step()

    return step


def our_step(model: nn.Module, x: torch.Tensor, y: torch.Tensor, settings: TrainingSettings) -> Callable[[], None]:
    """A step as ``har_core.training`` takes it."""
    optimizer = make_optimizer(model, settings)
    precision = resolve_precision(settings, CPU)

    def step() -> None:
        with autocast(CPU, precision):
            logits = model(x)
        optimizer.zero_grad(set_to_none=True)
        cross_entropy(logits.float(), y).backward()
        optimizer.step()

    return step


def compare(name: str, options: argparse.Namespace) -> list[list[float]]:
    """Windows a second in each round: plain, ours in float32, ours in mixed precision."""
    torch.manual_seed(0)
    sizes = {"num_channels": NUM_CHANNELS, "num_classes": NUM_CLASSES}
    x = torch.randn(options.batch_size, NUM_TIMEPOINTS, NUM_CHANNELS)
    y = torch.randint(0, NUM_CLASSES, (options.batch_size,))
    plain = plain_step(make_plain(name, **sizes), x, y)
    ours = [
        our_step(create_model(name, num_timepoints=NUM_TIMEPOINTS, **sizes), x, y, settings)
        for settings in (TrainingSettings(mixed_precision="off"), TrainingSettings(mixed_precision="auto"))
    ]
    runtime, clock = RuntimeSettings(device="cpu", num_threads=options.threads), CLOCKS[options.clock]
    rounds = []
    for _ in range(options.rounds):
        speeds = [measure(plain, options.seconds, clock)]
        for step in ours:
            with computing(runtime, CPU):
                speeds.append(measure(step, options.seconds, clock))
        rounds.append([speed * options.batch_size for speed in speeds])
    return rounds


def parse_options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("architectures", nargs="*", default=ARCHITECTURES)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each measurement, at least two steps")
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.seconds, options.batch_size = 1, 0.0, 8
    return options


def main() -> None:
    """Print the table."""
    options = parse_options()
    torch.set_num_threads(options.threads)
    mixed = resolve_precision(TrainingSettings(mixed_precision="auto"), CPU)
    processor = torch.cpu.get_capabilities().get("cpu_name") or platform.processor()
    conditions = f"{options.threads} threads, {options.clock} clock, batch {options.batch_size}"
    print(f"{processor}, torch {torch.__version__}, {conditions}, load {os.getloadavg()[0]:.1f}\n")
    print(f"| training, windows/s | plain fp32 | ours fp32 | ours {mixed} | ratio fp32 | ratio {mixed} |")
    print("|---|---|---|---|---|---|")
    for name in options.architectures:
        rounds = compare(name, options)
        plain, full, half = (statistics.median(column) for column in zip(*rounds, strict=True))
        ratios = [statistics.median(speeds[i] / speeds[0] for speeds in rounds) for i in (1, 2)]
        speeds = " | ".join(f"{speed:.1f}" for speed in (plain, full, half))
        print(f"| {name} | {speeds} | {ratios[0]:.2f} | {ratios[1]:.2f} |", flush=True)


if __name__ == "__main__":
    main()
