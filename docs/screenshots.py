"""Takes the pictures of the guide, into ``docs/images``: ``make demo``, then ``make screenshots``.

Both UIs are started on the home ``.demo`` and looked at in Chromium. Nothing in the home is changed.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from PIL import Image
from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).parents[1]
HOME = ROOT / ".demo"
REPORT = HOME / "data" / "reports" / "latest" / "report.html"
FOLDER = ROOT / "docs" / "images"
WIDTH = 1400
NUM_COLORS = 256
WIDTH_WITH_PANEL = 1620
"""Dagster fits the graph into the page once, beside a panel that is then closed."""
PATIENCE_MS = 120_000
ELSEWHERE = re.compile(r"^https?://(?!127\.0\.0\.1[:/])")
QUIETLY = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]
NO_ASSISTANT = "localStorage.setItem('mlflow.assistant.fab.autoOpenedOnFirstLoad_v1', 'true')"
"""MLflow opens a panel over a third of its page, on the first visit."""
GROUPS = ("data", "models", "comparison")
MODEL_RUNS = "tags.`dagster.asset_key` LIKE 'models/%'"
CHARTS = "^test/(accuracy|macro_f1|macro_recall)$"


@contextmanager
def serving() -> Iterator[tuple[str, str]]:
    """The links that open Dagster's UI and MLflow's, while both run."""
    ports = [str(free_port()), str(free_port())]
    command = [sys.executable, "-m", "pipelines", "ui", "--dagster-port", ports[0], "--mlflow-port", ports[1]]
    environment = {**os.environ, "HAR_HOME": str(HOME)}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            links: list[str] = []
            for line in process.stdout or ():
                links += re.findall(r"http://\S+", line)
                if line.rstrip() == "Ctrl-C ends both.":
                    break
            else:
                sys.exit(f"har ui ended with exit code {process.wait()}")
            yield links[0], links[1]
        finally:
            process.send_signal(signal.SIGTERM)


def free_port() -> int:
    """One that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def chromium(link: str) -> Iterator[Callable[[int], Page]]:
    """Makes pages of a given height that reach nothing but this machine, and have opened the link."""
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        sys.exit("Chromium is needed on the path: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=QUIETLY)

        def open_page(height: int) -> Page:
            context = browser.new_context(viewport={"width": WIDTH, "height": height}, color_scheme="light")
            context.route(ELSEWHERE, lambda route: route.abort())
            context.add_init_script(NO_ASSISTANT)
            context.set_default_timeout(PATIENCE_MS)
            page = context.new_page()
            page.goto(link)
            return page

        yield open_page
        browser.close()


def take(page: Page, name: str) -> None:
    """One picture, in few colours; what still moves gets a moment to come to rest."""
    page.wait_for_timeout(4000)
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    path = FOLDER / f"{name}.png"
    picture.quantize(NUM_COLORS, Image.Quantize.MAXCOVERAGE, kmeans=1, dither=Image.Dither.NONE).save(
        path, optimize=True
    )
    print(f"{path.relative_to(ROOT)}: {path.stat().st_size // 1000} kB")
    page.context.close()


def take_graph(page: Page, dagster: str, height: int) -> None:
    """The asset graph, its groups opened, in all the room there is."""
    page.set_viewport_size({"width": WIDTH_WITH_PANEL, "height": height})
    page.add_init_script("localStorage.setItem('dagster-nav-collapsed', 'true')")
    opened = ",".join(f"global@global:{group}" for group in GROUPS)
    page.goto(f"{dagster}/asset-groups/?expanded={quote(opened, safe=',')}")
    page.get_by_text("comparison_report").first.wait_for()
    page.get_by_role("button", name="panel_show_right", exact=True).click()
    page.set_viewport_size({"width": WIDTH, "height": height})
    take(page, "dagster_graph")


def take_asset(page: Page, dagster: str) -> None:
    """One model with what its latest materialisation says."""
    page.goto(f"{dagster}/assets/models/cnn")
    page.get_by_text("validation_macro_f1").first.wait_for()
    take(page, "dagster_asset")


def take_automation(page: Page, dagster: str) -> None:
    """Sensors and schedules, as off as they come."""
    page.goto(f"{dagster}/automation")
    page.get_by_text("weekly_retraining").first.wait_for()
    take(page, "dagster_automation")


def take_comparison(page: Page, mlflow: str) -> None:
    """The runs of the models beside each other, best first."""
    order = quote("metrics.`test/macro_f1`")
    found = page.request.get(f"{mlflow}/api/2.0/mlflow/experiments/get-by-name?experiment_name=har").json()
    page.goto(
        f"{mlflow}/#/experiments/{found['experiment']['experiment_id']}/runs?workflowType=machine_learning&compareRunsMode=CHART"
        f"&orderByKey={order}&orderByAsc=false&searchFilter={quote(MODEL_RUNS)}"
    )
    page.get_by_text("models/cnn").first.wait_for()
    page.get_by_role("button", name="Toggle sidebar").click()
    page.get_by_placeholder("Search metric charts").fill(CHARTS)
    page.get_by_text("test/macro_recall").first.wait_for()
    page.get_by_placeholder("Search metric charts").blur()
    take(page, "mlflow_comparison")


def take_report(page: Page) -> None:
    """The top of the comparison report."""
    page.goto(REPORT.as_uri())
    take(page, "report")


def main() -> None:
    """All five."""
    if not REPORT.is_file():
        sys.exit(f"{REPORT.relative_to(ROOT)} is missing; run `make demo` first")
    with serving() as links, chromium(links[0]) as open_page:
        dagster, mlflow = (link.partition("/?")[0] for link in links)
        take_graph(open_page(820), dagster, 820)
        take_asset(open_page(900), dagster)
        take_automation(open_page(500), dagster)
        take_comparison(open_page(720), mlflow)
        take_report(open_page(860))


if __name__ == "__main__":
    main()
