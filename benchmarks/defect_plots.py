"""Draws what the audit finds in DSADS, one picture a kind: ``python benchmarks/defect_plots.py FOLDER_OR_ZIP``.

The pictures of ``docs/dsads_defects.md``, into ``docs/images``. Places are taken from the findings, not from memory.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from har_core.audit.defects import find_defects
from har_core.base.png import DPI, as_png
from har_core.datasets.dsads.dataset import DSADS
from har_core.datasets.recordings import RecordingKey, Recordings
from har_core.dsads import read_recordings

FOLDER = Path(__file__).parent.parent / "docs" / "images"
DARK, ACCENT, PALE = "#1f3550", "#c8452f", "#9db4cc"
CHANNEL = "T_xacc"
LENGTH = DSADS.segment_length or 0
Row = dict[str, Any]


def draw(name: str, work: Callable[[list[Axes]], None], num_panels: int = 1) -> None:
    """One picture of panels below each other."""
    figure = Figure(figsize=(8.4, 0.6 + 1.7 * num_panels), dpi=DPI, layout="constrained")
    panels = list(figure.subplots(num_panels, 1, squeeze=False)[:, 0])
    work(panels)
    for axes in panels:
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=8)
    path = FOLDER / f"defects_{name}.png"
    path.write_bytes(as_png(figure))
    print(f"{path}: {path.stat().st_size} bytes")


def label(axes: Axes, title: str, y: str = f"{CHANNEL} [m/s²]") -> None:
    """Title and axis of values."""
    axes.set_title(title, loc="left", fontsize=9)
    axes.set_ylabel(y, fontsize=8)


def draw_copies(recordings: Recordings, finding: Row) -> None:
    """Two subjects, the same rows, at an offset."""
    offset, channel = finding["other_first_row"], DSADS.channel_names.index(CHANNEL)
    activity = finding["activity"]
    one, other = (
        recordings.load(RecordingKey(finding[subject], activity)).samples[channel, :200]
        for subject in ("subject", "other_subject")
    )

    def work(panels: list[Axes]) -> None:
        panels[0].plot(one, color=DARK, lw=1)
        label(panels[0], f"subject {finding['subject']}, {DSADS.activities[activity - 1]}, first 200 rows")
        panels[1].plot(other, color=ACCENT, lw=1)
        panels[1].axvspan(0, offset, color=PALE, alpha=0.4, lw=0)
        label(panels[1], f"subject {finding['other_subject']}: the same values, {offset} rows later")

    draw("copies", work, 2)


def draw_zeros(recordings: Recordings, finding: Row) -> None:
    """Three segments with their runs of zeros."""
    samples = recordings.load(RecordingKey(finding["subject"], finding["session"])).samples[:, : 3 * LENGTH]

    def work(panels: list[Axes]) -> None:
        panels[0].plot(samples[DSADS.channel_names.index(CHANNEL)], color=DARK, lw=1)
        for segment in range(3):
            start = segment * LENGTH
            panels[0].axvspan(start + finding["first_row"], start + finding["last_row"] + 1, color=ACCENT, alpha=0.25)
        label(panels[0], f"subject {finding['subject']}, {DSADS.activities[finding['activity'] - 1]}, segments 1 to 3")

    draw("zeros", work)


def draw_refilled(recordings: Recordings, finding: Row) -> None:
    """A stretch within a segment that occurs elsewhere in the recording."""
    samples = recordings.load(RecordingKey(finding["subject"], finding["session"])).samples[
        DSADS.channel_names.index(CHANNEL)
    ]
    here = (finding["segment"] - 1) * LENGTH
    there = (finding["other_segment"] - 1) * LENGTH
    n = finding["num_rows"]

    def work(panels: list[Axes]) -> None:
        for axes, start, first, name in (
            (panels[0], here, finding["first_row"], finding["segment"]),
            (panels[1], there, finding["other_first_row"], finding["other_segment"]),
        ):
            axes.plot(samples[start : start + LENGTH], color=DARK, lw=1)
            axes.axvspan(first, first + n, color=ACCENT, alpha=0.25, lw=0)
            label(axes, f"subject {finding['subject']}, {DSADS.activities[finding['activity'] - 1]}, segment {name}")

    draw("refilled", work, 2)


def draw_joins(findings: list[Row]) -> None:
    """How many of the joins of each recording are not continuous."""
    counts = np.zeros((8, 19), dtype=int)
    for finding in findings:
        if finding["kind"] == "discontinuous_join":
            counts[finding["subject"] - 1, finding["activity"] - 1] += 1

    def work(panels: list[Axes]) -> None:
        axes = panels[0]
        axes.imshow(counts, cmap="Reds", vmin=0, vmax=59, aspect="auto")
        for row, column in np.argwhere(counts > 0):
            colour = "white" if counts[row, column] > 30 else "#1c2b3a"  # noqa: PLR2004 - dark enough
            axes.text(column, row, str(counts[row, column]), ha="center", va="center", fontsize=7, color=colour)
        axes.set_xticks(range(19), [f"a{k:02d}" for k in range(1, 20)])
        axes.set_yticks(range(8), [f"p{k}" for k in range(1, 9)])
        axes.set_title("joins, of 59 in each recording, that do not go on", loc="left", fontsize=9)

    draw("joins", work)


def draw_field(recordings: Recordings, finding: Row) -> None:
    """The norm of a magnetometer far from 1, beside that of another unit."""
    unit = finding["channels"].partition("_")[0]
    samples = recordings.load(RecordingKey(finding["subject"], finding["session"])).samples

    def norm(name: str) -> npt.NDArray[np.float32]:
        field = samples[[DSADS.channel_names.index(f"{name}_{axis}mag") for axis in "xyz"]]
        result: npt.NDArray[np.float32] = np.linalg.norm(field, axis=0)
        return result

    def work(panels: list[Axes]) -> None:
        panels[0].plot(norm(unit)[:1500], color=ACCENT, lw=0.8, label=unit)
        panels[0].plot(norm("T")[:1500], color=DARK, lw=0.8, label="T")
        panels[0].legend(frameon=False, fontsize=8, ncols=2)
        title = f"subject {finding['subject']}, {DSADS.activities[finding['activity'] - 1]}, first minute"
        label(panels[0], title, "field [Earth's field]")

    draw("field", work)


def main() -> None:
    """Audit, and draw the first finding of each kind."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder or zip of recordings")
    recordings = read_recordings(parser.parse_args().data)
    findings = find_defects(recordings, DSADS).to_pylist()
    FOLDER.mkdir(exist_ok=True)

    def first(kind: str, *, elsewhere: bool = False) -> Row:
        return next(
            row
            for row in findings
            if row["kind"] == kind and (row["other_subject"] not in {None, row["subject"]}) == elsewhere
        )

    draw_copies(recordings, first("duplicate_rows", elsewhere=True))
    draw_zeros(recordings, first("zero_run"))
    draw_refilled(recordings, first("duplicate_rows"))
    draw_joins(findings)
    fields = [row for row in findings if row["kind"] == "magnetometer_norm"]
    draw_field(recordings, max(fields, key=lambda row: int(row["num_rows"])))


if __name__ == "__main__":
    main()
