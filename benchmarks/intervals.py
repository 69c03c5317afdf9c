"""How sure the means of ``zoo.py`` are: intervals over subjects, and differences to one architecture, by subject.

``python benchmarks/intervals.py FILE.csv --against extra_trees`` prints a Markdown table. Intervals are bootstrapped
over subjects (BCa, 95 %, scipy's), the mean over seeds for each; with eight subjects they are rough.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from zoo import Row, by, complete, stored

from har_core.evaluation.intervals import interval_of_mean


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, help="CSV of zoo.py")
    parser.add_argument("--against", required=True, help="the architecture that others are compared with")
    asked = parser.parse_args()
    architectures = complete(stored(asked.file))
    if asked.against not in architectures:
        parser.error(f"--against {asked.against}: expected one of {', '.join(architectures)}")
    print("\n".join(table(architectures, asked.against)))


def table(architectures: Mapping[str, Sequence[Row]], against: str) -> Iterator[str]:
    """Markdown, best first."""
    scores = {name: by("subject", rows) for name, rows in architectures.items()}
    yield f"| architecture | macro-F1 | 95 % | worst subject | minus {against} | 95 % | subjects better |"
    yield "|:--|" + "--:|" * 6
    for name, own in sorted(scores.items(), key=lambda entry: -statistics.fmean(entry[1].values())):
        differences = [own[subject] - scores[against][subject] for subject in own]
        worst = min(own, key=lambda subject: own[subject])
        cells = [name, f"{statistics.fmean(own.values()):.3f}", interval(list(own.values()), "{:.3f}")]
        cells.append(f"{worst}: {own[worst]:.3f}")
        if name == against:
            cells += ["–", "–", "–"]
        else:
            cells += [f"{statistics.fmean(differences):+.3f}", interval(differences, "{:+.3f}")]
            cells.append(f"{sum(difference > 0 for difference in differences)} of {len(differences)}")
        yield f"| {' | '.join(cells)} |"


def interval(values: Sequence[float], form: str) -> str:
    """Of the mean; a dash where there is nothing to resample."""
    found = interval_of_mean(values)
    return "–" if found is None else " to ".join(map(form.format, found))


if __name__ == "__main__":
    main()
