"""Both UIs as a person uses them, in Chromium: look at the graph, materialise by a click, follow it into MLflow."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from narrowing import as_type, present
from pages import address, logged_in, read_links
from playwright.sync_api import Browser, Page, expect, sync_playwright

if TYPE_CHECKING:
    from tests.e2e.conftest import Har

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

PATIENCE_S = 300
"""For a run on a busy machine."""
PATIENCE_MS = 120_000
"""For a page."""
RELOAD_S = 120
"""Two seconds between looks, and what it takes to import the definitions again."""
ELSEWHERE = re.compile(r"^(?!https?://127\.0\.0\.1[:/]|data:|blob:)")
REBOUND = "10.evil.example.com"
"""A name of somebody else's that points to this machine."""
QUIETLY = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    f"--host-resolver-rules=MAP {REBOUND} 127.0.0.1",
]


SENSOR = "automation"
HERE = 'repositoryLocationName: "har", repositoryName: "__repository__"'
STATE = "name sensorState { status }"


@dataclass(frozen=True)
class Site:
    """A home where everything ran once, and the addresses of its UIs."""

    har: Har
    """``har`` as in conftest."""
    links: tuple[str, str]
    """As ``har ui`` printed them."""
    client: httpx.Client

    @property
    def dagster(self) -> str:
        return address(self.links[0])

    @property
    def mlflow(self) -> str:
        return address(self.links[1])

    def ask(self, query: str) -> Any:
        return self.client.post("/graphql", json={"query": query}).raise_for_status().json()["data"]

    def runs(self) -> dict[str, str]:
        """Status by id."""
        told = self.ask("{ runsOrError { ... on Runs { results { runId status } } } }")
        return {run["runId"]: run["status"] for run in told["runsOrError"]["results"]}

    def stale_status(self) -> dict[str, str]:
        """As Dagster's pages show it, by asset."""
        nodes = self.ask("{ assetNodes { assetKey { path } staleStatus } }")["assetNodes"]
        return {"/".join(node["assetKey"]["path"]): node["staleStatus"] for node in nodes}

    def status(self) -> dict[str, str]:
        """As ``har status`` tells it, in Dagster's words, which has none for what is fresh below something stale."""
        told = json.loads(self.har("status", self.har.experiment, "--json").stdout)
        return {entry["asset"]: entry["state"].upper().replace("PENDING", "FRESH") for entry in told}

    def latest_metadata(self, asset: str) -> dict[str, str]:
        path = json.dumps(asset.split("/"))
        entry = "label ... on TextMetadataEntry { text } ... on UrlMetadataEntry { url }"
        (node,) = self.ask(
            f"{{ assetNodes(assetKeys: [{{ path: {path} }}]) "
            f"{{ assetMaterializations(limit: 1) {{ metadataEntries {{ {entry} }} }} }} }}"
        )["assetNodes"]
        (latest,) = node["assetMaterializations"]
        return {entry["label"]: entry.get("text") or entry.get("url", "") for entry in latest["metadataEntries"]}


def wait_for(is_so: Callable[[], bool], seconds: float, what: str) -> None:
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, f"{what} did not come within {seconds} s"
        time.sleep(1)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return as_type(int, probe.getsockname()[1])


@pytest.fixture(scope="module")
def site(har: Har, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("browser")
    experiment = folder / "tiny.toml"
    experiment.write_text(har.experiment.read_text().replace("epochs = 12", "epochs = 1"))
    har = replace(har, home=folder / "home", experiment=experiment)
    har("run", experiment, "--data", har.data)
    dagster, mlflow = free_port(), free_port()
    with har.start("ui", "--dagster-port", dagster, "--mlflow-port", mlflow) as process:
        try:
            links = read_links(process)
            with logged_in(links[0]) as client:
                yield Site(har, links, client)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    assert chromium, "these tests need Chromium on the path: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=QUIETLY)
        yield browser
        browser.close()


@contextmanager
def looking(browser: Browser, site: Site, folder: Path) -> Iterator[Page]:
    """A page that reaches nothing but this machine and is let in; after a failure, pictures of all that is open."""
    context = browser.new_context(viewport={"width": 1400, "height": 900}, color_scheme="light")
    context.route(ELSEWHERE, lambda route: route.abort())
    context.set_default_timeout(PATIENCE_MS)
    try:
        page = context.new_page()
        page.goto(site.links[0])
        yield page
    except BaseException:
        for number, page in enumerate(context.pages):
            with contextlib.suppress(Exception):
                page.screenshot(path=folder / f"failed-{number}.png", timeout=20_000)
        raise
    finally:
        context.close()


def test_the_graph_shows_its_groups(browser: Browser, site: Site, tmp_path: Path) -> None:
    with looking(browser, site, tmp_path) as page:
        page.goto(site.dagster)
        page.wait_for_url("**/overview/**")  # it moves there by itself, and would move back
        page.get_by_role("link", name=re.compile("Lineage$")).click()
        for group in ("data", "models", "comparison"):
            expect(page.locator("foreignObject").filter(has_text=group).first).to_be_visible(timeout=PATIENCE_MS)


def test_a_model_materialised_by_a_click_is_found_in_mlflow(browser: Browser, site: Site, tmp_path: Path) -> None:
    before, earlier = site.runs(), site.latest_metadata("models/lstm")
    with looking(browser, site, tmp_path) as page:
        page.goto(f"{site.dagster}/assets/models/lstm")
        expect(page.get_by_text("Latest materialization")).to_be_visible(timeout=PATIENCE_MS)
        page.get_by_role("button", name=re.compile("Materialize$")).click()
        wait_for(lambda: len(site.runs()) > len(before), PATIENCE_S, "a run")
        (run_id,) = set(site.runs()) - set(before)
        wait_for(lambda: site.runs()[run_id] in {"SUCCESS", "FAILURE", "CANCELED"}, PATIENCE_S, "the end of the run")
        assert site.runs()[run_id] == "SUCCESS"

        page.get_by_role("tab", name="Events").click()
        expect(page.get_by_text(f"Materialized in run {run_id[:8]}")).to_be_visible(timeout=PATIENCE_MS)
        link = page.get_by_role("row").filter(has_text=re.compile("har/mlflow_run(?!_id)")).get_by_role("link").first
        with page.expect_popup() as opened:
            link.click()

        told = site.latest_metadata("models/lstm")
        version = int(told["har/registered_version"])
        assert version == int(earlier["har/registered_version"]) + 1
        mlflow = opened.value
        assert mlflow.url == told["har/mlflow_run"]
        assert mlflow.url.startswith(site.mlflow)
        expect(mlflow.get_by_text("Model registry", exact=True)).to_be_visible(timeout=PATIENCE_MS)  # not chat programs
        expect(mlflow.get_by_text(f"dagster.run_id: {run_id}")).to_be_visible(timeout=PATIENCE_MS)

        mlflow.locator(f"a[href$='#/models/har-lstm/versions/{version}']").click()
        mlflow.get_by_role("link", name="har-lstm", exact=True).first.click()
        row = mlflow.get_by_role("row", name=re.compile(rf"^Version {version} "))
        expect(row).to_contain_text("challenger", timeout=PATIENCE_MS)
        expect(mlflow.get_by_role("row").filter(has_text="challenger")).to_have_count(1)


def test_a_changed_setting_is_stale_on_the_pages_as_in_har_status(browser: Browser, site: Site, tmp_path: Path) -> None:
    experiment = site.har.experiment
    text = experiment.read_text()
    assert set(site.stale_status().values()) == {"FRESH"}
    try:
        experiment.write_text(text.replace("hidden_size = 8", "hidden_size = 9"))
        wait_for(lambda: site.stale_status()["models/lstm"] == "STALE", RELOAD_S, "staleness")
        assert site.stale_status() == site.status()
        assert site.stale_status()["models/shufflenet"] == "FRESH"
        with looking(browser, site, tmp_path) as page:
            page.goto(f"{site.dagster}/assets/models/lstm")
            expect(page.get_by_text("Unsynced").first).to_be_visible(timeout=PATIENCE_MS)
    finally:
        experiment.write_text(text)


@pytest.mark.skipif(not Path("/proc/net/tcp").is_file(), reason="finds listening sockets in /proc")
def test_the_servers_listen_on_loopback_alone(site: Site) -> None:
    ports = {int(url.rpartition(":")[2]) for url in (site.dagster, site.mlflow)}
    listening = {(address, port) for address, port in listening_sockets() if port in ports}
    assert listening == {("0100007F", port) for port in ports}


def listening_sockets() -> Iterator[tuple[str, int]]:
    """Address, in hexadecimal, and port."""
    for table in filter(Path.is_file, (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))):
        for line in table.read_text().splitlines()[1:]:
            local, _, state = line.split()[1:4]
            if state == "0A":
                address, _, port = local.partition(":")
                yield address, int(port, 16)


HOSTILE = """
<!doctype html><title>hostile</title><body><script>
const [dagster, mlflow, mutation, experiment] = {arguments};
const there = `${{dagster}}/graphql?query=${{encodeURIComponent(mutation)}}`;
const body = JSON.stringify({{query: mutation}});
const tries = [
  new Promise(done => {{ const image = new Image(); image.onload = image.onerror = done; image.src = there; }}),
  fetch(there, {{mode: "no-cors", credentials: "include"}}),
  fetch(there, {{mode: "no-cors", credentials: "include", method: "POST"}}),
  fetch(`${{dagster}}/graphql`, {{mode: "no-cors", credentials: "include", method: "POST", body}}),
  fetch(`${{dagster}}/graphql`,
    {{credentials: "include", method: "POST", body, headers: {{"Content-Type": "application/json"}}}}),
  fetch(`${{mlflow}}/ajax-api/2.0/mlflow/experiments/set-experiment-tag`,
    {{mode: "no-cors", credentials: "include", method: "POST", body: JSON.stringify(experiment)}}),
  fetch(`${{mlflow}}/ajax-api/2.0/mlflow/registered-models/alias?name=har&alias=champion`,
    {{credentials: "include", method: "DELETE"}}),
  new Promise(done => {{
    const socket = new WebSocket(`${{dagster.replace("http", "ws")}}/graphql`, "graphql-ws");
    socket.onopen = () => {{ document.title = "open"; done(); }};
    socket.onerror = socket.onclose = done;
  }}),
  new Promise(done => {{
    document.body.insertAdjacentHTML("beforeend", `<iframe name=inside></iframe><iframe src="${{dagster}}"></iframe>
      <form target=inside method=post enctype=text/plain action="${{there}}"></form>`);
    document.forms[0].submit();
    setTimeout(done, 2000);
  }}),
];
Promise.allSettled(tries).then(() => document.body.insertAdjacentHTML("beforeend", "<p>all was tried</p>"));
</script>
"""


@contextmanager
def hostile_page(site: Site) -> Iterator[int]:
    """The port of a web page of somebody else's, which tries to switch on a sensor, and more."""
    where = f'repositoryLocationName: "har", repositoryName: "__repository__", sensorName: "{SENSOR}"'
    mutation = f"mutation {{ startSensor(sensorSelector: {{ {where} }}) {{ __typename }} }}"
    tag = {"experiment_id": "1", "key": "hostile", "value": "was here"}
    text = HOSTILE.format(arguments=json.dumps([site.dagster, site.mlflow, mutation, tag]))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            link = f'<a href="{site.mlflow}/#/models/har">a link</a>'
            self.wfile.write((text if self.path == "/hostile" else link).encode())

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_hostile_page_in_the_same_browser_changes_nothing(
    browser: Browser, site: Site, tmp_path: Path, host: str
) -> None:
    """From another port of this host, which is the same site to the browser, and from another site."""
    runs = site.runs()
    with hostile_page(site) as port, looking(browser, site, tmp_path) as first:
        first.context.unroute_all()
        page = first.context.new_page()
        answers: list[tuple[int, str]] = []
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("response", lambda response: answers.append((response.status, response.url)))
        page.goto(f"http://{host}:{port}/hostile")
        expect(page.get_by_text("all was tried")).to_be_visible(timeout=PATIENCE_MS)
        assert page.title() == "hostile"
        assert len([url for url in asked if url.startswith((site.dagster, site.mlflow))]) >= 8
        told = [(status, url) for status, url in answers if url.startswith((site.dagster, site.mlflow))]
        assert told  # those that the browser lets the page see
        assert all(status == 403 for status, _ in told), told
    sensor = site.ask(
        f"{{ sensorsOrError(repositorySelector: {{ {HERE} }}) {{ ... on Sensors {{ results {{ {STATE} }} }} }} }}"
    )
    assert {s["name"]: s["sensorState"]["status"] for s in sensor["sensorsOrError"]["results"]}[SENSOR] == "STOPPED"
    assert site.runs() == runs
    found = site.client.get(f"{site.mlflow}/ajax-api/2.0/mlflow/experiments/get?experiment_id=1").json()["experiment"]
    assert "hostile" not in [tag["key"] for tag in found.get("tags", [])]
    alias = "/ajax-api/2.0/mlflow/registered-models/alias?name=har&alias=champion"
    assert site.client.get(site.mlflow + alias).status_code == 200


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_link_on_a_page_elsewhere_arrives(browser: Browser, site: Site, tmp_path: Path, host: str) -> None:
    """As links of a report that was opened from disk do."""
    with hostile_page(site) as port, looking(browser, site, tmp_path) as page:
        page.context.unroute_all()
        page.goto(f"http://{host}:{port}/")
        page.get_by_text("a link").click()
        expect(page.get_by_text("champion").first).to_be_visible(timeout=PATIENCE_MS)
        assert page.url == f"{site.mlflow}/#/models/har"


def test_a_foreign_name_for_this_host_shows_nothing(browser: Browser, site: Site, tmp_path: Path) -> None:
    with looking(browser, site, tmp_path) as page:
        page.context.unroute_all()
        for link in site.links:
            rebound = link.replace("127.0.0.1", REBOUND)
            for address_of_page in (rebound, address(rebound)):
                answer = page.goto(address_of_page)
                assert present(answer).status == 403


def test_one_link_opens_both_pages(browser: Browser, site: Site, tmp_path: Path) -> None:
    with looking(browser, site, tmp_path) as page:
        assert "key=" not in page.url
        page.goto(site.mlflow)
        expect(page.get_by_text("Welcome to MLflow", exact=True)).to_be_visible(timeout=PATIENCE_MS)
    context = browser.new_context()
    assert present(context.new_page().goto(site.mlflow)).status == 403
    context.close()
