"""The page in a browser: it fits a phone and a desk, says nothing to the console, fetches nothing, and prints."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote, urlparse

import pytest
from axe_playwright_python.sync_playwright import Axe
from measured_sensors import sensor_entry
from narrowing import present
from PIL import Image
from playwright.sync_api import Browser, ViewportSize, sync_playwright
from transferred_models import transfer_entry

from har_core.report.build import build_report, write_report
from har_core.report.inputs import ReportInputs

pytestmark = pytest.mark.slow

DEMO = {"cnn": 0.842, "resnet": 0.796, "shufflenet": 0.776, "lstm": 0.679}
"""Test macro-F1 of the models of ``demo.toml``, as measured."""
LOSO = {"extra_trees": 0.910, "rocket": 0.881, "random_forest": 0.871, "compact": 0.858, "logistic_regression": 0.853}
"""Of those of ``dsads_loso.toml``."""
PHONE: ViewportSize = {"width": 360, "height": 740}
DESK: ViewportSize = {"width": 1440, "height": 900}
MIN_PAGES = 2


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    assert chromium, "these tests need Chromium on the path: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium)
        yield browser
        browser.close()


@pytest.fixture(scope="module", params=["holdout", "folds and audit"])
def url(
    request: pytest.FixtureRequest,
    inputs: Callable[..., ReportInputs],
    with_folds: Callable[..., dict[str, Any]],
    audited: Callable[[], dict[str, Any]],
    tmp_path_factory: pytest.TempPathFactory,
) -> str:
    measured, folds = DEMO, {}
    if request.param != "holdout":
        measured, folds = LOSO, with_folds(*LOSO, protocols=("loso", "pairs", "leaky"))
        numbers = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 15, 20, 30)
        folds["sensors"] = tuple(sensor_entry("compact", subject) for subject in range(1, 9))
        folds["transferred"] = (
            transfer_entry("compact", people=range(1, 9)),
            transfer_entry("rocket", numbers=numbers, skill=0.99),
        )
    given = inputs(*measured, **{**(audited() if folds else {}), **folds})
    entries = []
    for entry in given.entries:
        test = replace(entry.result.scores["test"], macro_f1=measured[entry.result.architecture])
        result = replace(entry.result, scores={**entry.result.scores, "test": test})
        entries.append(replace(entry, result=result))
    report = build_report(replace(given, entries=tuple(entries)))
    html: Path = write_report(report, tmp_path_factory.mktemp("report"))[0]
    return html.as_uri()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [PHONE, DESK], ids=["phone", "desk"])
def test_page_fits_and_fetches_nothing(
    browser: Browser, url: str, viewport: ViewportSize, scheme: Literal["light", "dark"], tmp_path: Path
) -> None:
    page = browser.new_page(viewport=viewport, color_scheme=scheme)
    said, fetched = [], []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: fetched.append(request.url))
    page.goto(url)
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    drawings = page.locator("svg:visible").all()
    assert drawings
    assert all(present(drawing.bounding_box())["width"] > 0 for drawing in drawings)
    assert (said, [address for address in fetched if not address.startswith("data:")]) == ([], [url])
    picture = tmp_path / f"{scheme}-{viewport['width']}.png"  # to be looked at
    page.screenshot(path=picture, full_page=True)
    assert Image.open(picture).getextrema() != ((0, 0),) * 3
    page.close()


@pytest.mark.parametrize("viewport", [PHONE, DESK], ids=["phone", "desk"])
def test_every_scrolling_part_can_be_reached_by_keyboard_and_has_a_name(
    browser: Browser, url: str, viewport: ViewportSize
) -> None:
    page = browser.new_page(viewport=viewport)
    page.goto(url)
    unreachable = page.evaluate(
        """[...document.querySelectorAll('main *, header *')]
        .filter(e => e.scrollWidth > e.clientWidth + 1 && ['auto', 'scroll'].includes(getComputedStyle(e).overflowX))
        .filter(e => e.tabIndex < 0 || !document.getElementById(e.getAttribute('aria-labelledby')))
        .filter(e => e.tagName !== 'PRE').map(e => e.outerHTML.slice(0, 80))"""
    )
    assert unreachable == []
    page.close()


@pytest.mark.parametrize("viewport", [PHONE, DESK], ids=["phone", "desk"])
def test_no_words_in_a_chart_cover_others(browser: Browser, url: str, viewport: ViewportSize) -> None:
    page = browser.new_page(viewport=viewport)
    page.goto(url)
    covered = page.evaluate(
        """[...document.querySelectorAll('svg')].flatMap(svg => {
            const boxes = [...svg.querySelectorAll('text')].map(e => [e.textContent, e.getBBox()]);
            const dots = [...svg.querySelectorAll('circle:not(.edged)')].map(e => ['a dot', e.getBBox()]);
            const meet = (a, b) => Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x) > 1
                && Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y) > 3;
            return boxes.flatMap(([words, box], i) => [...boxes.slice(i + 1), ...dots]
                .filter(([_, other]) => meet(box, other)).map(([other]) => `${words} covers ${other}`));
        })"""
    )
    assert covered == []
    page.close()


def test_a_reader_chooses_whose_mistakes_are_shown(browser: Browser, url: str) -> None:
    page = browser.new_page(viewport=DESK)
    page.goto(url)
    told = json.loads(Path(unquote(urlparse(url).path)).with_name("report.json").read_text())["mistakes"]
    choice = page.get_by_label("Model", exact=True)
    for model in told["models"][1:]:
        choice.select_option(f"mistakes-{model['architecture']}")
        assert page.locator(".shown:visible").count() == 1
        cells = page.locator(".shown:visible table.matrix tbody td").all_inner_texts()
        assert [int(text or 0) for text in cells] == [count for row in model["confusion"] for count in row]
    page.close()


def test_a_reader_sorts_a_table_by_its_heads(browser: Browser, url: str) -> None:
    page = browser.new_page(viewport=DESK)
    page.goto(url)
    table = page.get_by_role("group", name="F1 by activity")
    head = table.get_by_role("columnheader").nth(3)
    for direction, sign in (("descending", -1), ("ascending", 1)):
        head.get_by_role("button").press("Enter")
        assert head.get_attribute("aria-sort") == direction
        shown = [float(text) for text in table.locator("tbody tr td:nth-child(4)").all_inner_texts()]
        assert len(shown) > 2
        assert shown == sorted(shown, key=lambda f1: sign * f1)
    table.get_by_role("columnheader").first.get_by_role("button").click()
    names = table.locator("tbody th").all_inner_texts()
    assert names == sorted(names)
    page.close()


def test_a_reader_chooses_models_and_families(browser: Browser, url: str) -> None:
    page = browser.new_page(viewport=DESK)
    page.goto(url)
    told = json.loads(Path(unquote(urlparse(url).path)).with_name("report.json").read_text())
    models = {model["architecture"]: model for model in told["mistakes"]["models"]}
    first, second, *_ = models
    rows = page.get_by_role("group", name="F1 by activity").locator("tbody tr[data-model]:visible")
    shown = page.get_by_label("Model", exact=True)
    picker = page.get_by_role("search", name="Models")
    assert picker.locator("output").inner_text() == f", all {len(models)} are shown"
    picker.locator("summary").press("Enter")

    for name in (first, second):
        picker.locator(f"input[value={name}]").press("Space")
    assert [row.get_attribute("data-model") for row in rows.all()] == [first, second]
    assert picker.locator("output").inner_text() == f", 2 of {len(models)} are shown"
    assert shown.input_value() in {f"mistakes-{first}", f"mistakes-{second}"}
    assert page.locator(".shown:visible").count() == 1
    visible = page.locator("[data-model]:visible").evaluate_all("parts => parts.map(part => part.dataset.model)")
    assert {*visible} == {first, second}

    picker.get_by_role("button", name="Show all").press("Enter")
    assert rows.count() == len(models)
    family = picker.get_by_role("button", name="convolutional")
    family.press("Enter")
    own = (
        page.locator("fieldset", has=page.get_by_role("button", name="convolutional"))
        .locator("input")
        .evaluate_all("boxes => boxes.map(box => box.value)")
    )
    assert {row.get_attribute("data-model") for row in rows.all()} == {*own}
    page.close()


def test_a_pointer_on_a_figure_tells_its_run(browser: Browser, url: str) -> None:
    page = browser.new_page(viewport=DESK)
    page.goto(url)
    links = page.locator("main a.calm[href^=http]")
    titles = links.evaluate_all("links => links.map(link => [link.title, link.href])")
    assert titles
    assert all(href.endswith(title.removeprefix("MLflow run ")) and title for title, href in titles)
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [PHONE, DESK], ids=["phone", "desk"])
def test_axe_finds_nothing(
    browser: Browser, url: str, viewport: ViewportSize, scheme: Literal["light", "dark"]
) -> None:
    page = browser.new_page(viewport=viewport, color_scheme=scheme)
    page.goto(url)
    for details in page.locator("details").all():
        details.evaluate("part => part.open = true")
    found = Axe().run(page)
    assert not found.response["violations"], found.generate_report()
    assert {"color-contrast", "heading-order", "svg-img-alt"} <= {rule["id"] for rule in found.response["passes"]}
    page.close()


def test_print_leaves_out_what_is_in_the_data(browser: Browser, url: str) -> None:
    page = browser.new_page(viewport=DESK)
    page.goto(url)
    assert page.locator(".stored").is_visible()
    page.emulate_media(media="print")
    assert not page.locator(".stored").is_visible()
    assert not page.get_by_role("search", name="Models").is_visible()
    page.close()


def test_page_prints(browser: Browser, url: str) -> None:
    page = browser.new_page()
    page.goto(url)
    assert page.pdf(format="A4").count(b"/Type /Page\n") >= MIN_PAGES
    page.close()
