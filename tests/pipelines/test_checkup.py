"""What `har home check` finds in MLflow's files, of runs that were made by hand."""

from __future__ import annotations

import shutil
from pathlib import Path

from assets.resources.home import Home
from assets.resources.runs import start_run
from assets.resources.tracking import Tracking
from pipelines.checkup import check_home


def troubles_of_mlflow(home: Home) -> list[str]:
    [looked] = [looked for looked in check_home(home) if looked.what == "MLflow's files"]
    return [str(trouble) for trouble in looked.troubles]


def test_lost_files_of_a_materialisation_are_missed_and_its_seeds_have_none(tmp_path: Path) -> None:
    home = Home(tmp_path)
    tracking = Tracking(home)
    tracking.prepare()
    with start_run(tracking, "folds/cnn[loso-p1]", {}) as run:
        run.log_bytes("result.json", b"{}")
        with run.nested("seed 0") as seed:
            seed.log_metrics({"test_macro_f1": 0.5})
    assert troubles_of_mlflow(home) == []
    shutil.rmtree(home.artifacts / run.run_id)
    [trouble] = troubles_of_mlflow(home)
    assert f"{run.run_id}/artifacts: files that MLflow recorded are gone" in trouble
