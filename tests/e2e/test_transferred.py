"""A model that is fitted on to people, as a user meets it. The tests build on each other: one home, in this order."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from har_core.base.progress import silent
from har_core.datasets.dsads.synthetic.writer import write_recordings
from har_core.settings.source import SourceSettings

if TYPE_CHECKING:
    from tests.e2e.conftest import Har

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

EXPERIMENT = """\
[source]
kind = "files"

[splits]
validation_subjects = [2]
test_subjects = [3]

[training]
epochs = 2
batch_size = 16

[models]
architectures = ["compact", "lstm"]

[models.compact]
width = 8

[models.lstm]
hidden_size = 8

[compressed]
compact = ["int8"]

[transferred]
models = ["compact", "compact-int8"]
ways = ["all"]
windows_per_activity = [1]
epochs = 2
from_nothing_epochs = 2

[evaluation]
latency_repeats = 3
latency_warmup = 1

[runtime]
device = "cpu"
num_threads = 1
"""


@pytest.fixture(scope="module")
def har(har: Har, tmp_path_factory: pytest.TempPathFactory) -> Har:
    """In a home of this module's own, with recordings of its own."""
    folder = tmp_path_factory.mktemp("new_people")
    experiment, data = folder / "small.toml", folder / "recordings"
    experiment.write_text(EXPERIMENT)
    write_recordings(data, SourceSettings(kind="synthetic", num_subjects=3, num_segments=2), silent)
    home = folder / "home"
    home.mkdir()
    return replace(har, home=home, experiment=experiment, data=data)


def test_it_is_selected_with_what_is_above_it(har: Har) -> None:
    ran = har.run("--data", har.data, "--select", "+transferred/compact")
    assert ran[-2:] == ["models/compact", "transferred/compact"]
    assert "models/lstm" not in ran
    status = har("status", har.experiment).stdout
    assert "transferred/compact-int8" in status


def test_its_group_is_selected_and_the_report_has_all(har: Har) -> None:
    assert har.run("--select", "compressed/compact-int8,group:transferred") == [
        "compressed/compact-int8",
        "transferred/compact-int8",
    ]
    assert "comparison_report" in har.run()
    report = json.loads((har.home / "data" / "reports" / "latest" / "report.json").read_text(encoding="utf-8"))
    assert [own["model"] for own in report["transferred"]] == ["compact", "compact-int8"]
    ways = [{score["way"] for score in own["scores"]} for own in report["transferred"]]
    assert ways == [{"as_it_is", "all", "from_nothing"}, {"as_it_is", "all"}]
    assert har.run() == []


def test_it_is_made_again_alone_where_its_settings_change(har: Har) -> None:
    har.experiment.write_text(EXPERIMENT.replace("from_nothing_epochs = 2", "from_nothing_epochs = 3"))
    ran = har.run()
    assert ran[0] == "transferred/compact"
    assert not [name for name in ran if name.startswith(("models/", "compressed/", "splits", "windows"))]
    assert "transferred/compact-int8" not in ran


def test_nobody_is_served_by_it(har: Har) -> None:
    assert "transferred" not in har("models").stdout
    assert "transferred" not in har("trace", "models:/har-compact@challenger").stdout
