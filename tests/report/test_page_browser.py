"""The report in a browser: its tables sort and search, it fits each width, and it has a dark mode."""

import shutil

import numpy as np
import pytest

import imagenet_real
from imagenet_real.labels.label_set import LabelSet
from imagenet_real.predictions.predictions import Predictions
from imagenet_real.report.page.document import write_report

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: no page is opened")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium: no page is opened"),
    pytest.mark.slow,
]
SETS = ("original", "real", "multilabel", "except_mislabeled", "except_all_errors", "mine")
WIDE = """() => [document.documentElement, ...document.querySelectorAll('.scroll')]
    .filter((box) => box.scrollWidth > box.clientWidth + 1).map((box) => box.textContent.slice(0, 60))"""


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """A report of 30 models with long names under six label sets that differ."""
    random, folder = np.random.default_rng(0), tmp_path_factory.mktemp("report")
    ids, original = np.array([f"image_{number}" for number in range(400)]), np.arange(400) % 20
    sets = [
        LabelSet(
            name,
            ids,
            np.where(random.random(400) < 0.1, (original + 1) % 20, original)[:, None],
            np.ones(400),
            original,
            20,
        )
        for name in SETS
    ]
    models = [
        Predictions(
            ids,
            np.where(random.random(400) < 0.5 + at / 100, original, (original + 7) % 20)[:, None],
            name=f"a_model_{at:02d}_x64",
        )
        for at in range(30)
    ]
    write_report(folder, imagenet_real.score(models, sets, ks=(1,)), [f"kind of thing {at}" for at in range(20)])
    return f"file://{folder / 'report.html'}"


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as running:
        opened = running.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


def open_page(browser, report, width=1280, scheme="light"):
    page = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme).new_page()
    page.goto(report)
    return page


def column(page, number):
    return page.locator(f"#accuracy tbody tr:not([hidden]) > :nth-child({number})").all_inner_texts()


def test_a_click_on_a_head_sorts_and_another_one_turns_the_order(browser, report):
    page = open_page(browser, report)
    by_rank = column(page, 2)
    page.locator("#accuracy thead button", has_text="model").click()
    assert column(page, 2) == sorted(by_rank)
    page.locator("#accuracy thead button", has_text="ReaL").click()
    values = [float(text.split()[0]) for text in column(page, 4)]
    assert values == sorted(values, reverse=True)
    page.locator("#accuracy thead button", has_text="ReaL").click()
    assert [float(text.split()[0]) for text in column(page, 4)] == sorted(values)
    assert page.locator("#accuracy [aria-sort]").get_attribute("aria-sort") == "ascending"


def test_a_search_shows_the_rows_with_its_words(browser, report):
    page = open_page(browser, report)
    field = page.locator("#accuracy input[type=search]")
    field.fill("model_07")
    assert column(page, 2) == ["a_model_07_x64"]
    field.fill("")
    assert len(column(page, 2)) == 30


@pytest.mark.parametrize("width", [1000, 1280, 1440])
def test_no_table_is_wider_than_its_place(browser, report, width):
    assert open_page(browser, report, width).evaluate(WIDE) == []


def test_on_a_phone_real_stands_beside_the_name(browser, report):
    page = open_page(browser, report, 390)
    row = page.locator("#accuracy tbody tr").first
    name, real, original = (row.locator(kind).bounding_box() for kind in (".model", ".real", "td:nth-child(3)"))
    assert name["x"] + name["width"] <= real["x"] + 1
    assert real["x"] + real["width"] <= original["x"] + 1
    assert original["x"] + original["width"] <= 390
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize("width", [390, 1280])
def test_rows_are_not_cut_by_a_scroll_of_their_own(browser, report, width):
    page = open_page(browser, report, width)
    heights = "() => [...document.querySelectorAll('.scroll')].filter((box) => box.scrollHeight > box.clientHeight + 20).length"
    assert page.evaluate(heights) == 0


def test_the_dark_mode_has_light_letters_on_dark_paper(browser, report):
    brightness = (
        "(name) => getComputedStyle(document.body)[name].match(/\\d+/g).slice(0, 3).reduce((a, b) => +a + +b, 0)"
    )
    for scheme, is_dark in (("light", False), ("dark", True)):
        page = open_page(browser, report, scheme=scheme)
        paper, ink = (page.evaluate(brightness, name) for name in ("backgroundColor", "color"))
        assert (paper < ink) == is_dark


def test_without_scripts_the_page_has_every_row(browser, report):
    page = browser.new_context(java_script_enabled=False).new_page()
    page.goto(report)
    assert page.locator("#accuracy tbody tr").count() == 30
    assert page.locator("button, input").count() == 0
