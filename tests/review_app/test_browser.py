"""The pages in a browser, by keyboard alone. Needs Playwright and Chromium; without them it is skipped."""

import shutil

import pytest

from imagenet_real.review_app.store import Store
from tests.review_app import small
from tests.review_app.test_rating import votes_of

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: no page is opened")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(not CHROMIUM, reason="there is no Chromium: no page is opened")


@pytest.fixture
def folder(tmp_path):
    small.write(tmp_path)
    (tmp_path / "tasks.json").write_text(small.tasks())
    return tmp_path


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as running:
        opened = running.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


def page_of(browser, port, **size):
    page = browser.new_page(viewport={"width": 1200, "height": 800} | size)
    page.set_default_timeout(15_000)
    page.complaints = []
    page.on("console", lambda message: page.complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.goto(f"http://127.0.0.1:{port}/")
    return page


def enter(page, name):
    page.keyboard.type(name)
    page.keyboard.press("Enter")


def image(page, name):
    page.wait_for_function("name => document.getElementById('image-id').textContent === name", arg=name)


def says(page, text):
    page.wait_for_function("text => document.getElementById('progress').textContent === text", arg=text)


def test_a_review_by_keyboard(browser, folder):
    with small.review_server(folder) as client:
        page = page_of(browser, client.port)
        enter(page, "Ada <i>")
        for name, keys in (("b", "c"), ("c", "w3om"), ("e", "x"), ("f", "w1i")):
            image(page, name)
            if name == "c":
                page.keyboard.press("t")
                page.keyboard.type("<img src=x onerror=alert(1)> w u")
                page.keyboard.press("Escape")
            for key in keys:
                page.keyboard.press(key)
            page.keyboard.press("Enter")
        page.wait_for_selector("#review", state="hidden")
        page.keyboard.press("u")
        says(page, "3 of 4 judged by you")
        image(page, "f")
        for key in ("/", *"dog"):
            page.keyboard.press(key)
        page.wait_for_selector("#found li")
        page.keyboard.press("Enter")
        page.wait_for_function(
            "() => [...document.querySelectorAll('.also')].every((box) => box.textContent.includes('dog'))"
        )
        page.keyboard.press("c")
        page.select_option("#state", "mine")
        image(page, "b")
        page.keyboard.press("ArrowRight")
        image(page, "c")
        assert page.input_value("#comment") == "<img src=x onerror=alert(1)> w u"
        assert page.locator("#severity [aria-pressed=true]").get_attribute("data-value") == "Major"
        assert page.complaints == []
        page.close()
    store = Store(folder / "answers.sqlite")
    said = {row.image_id: row.content for row in store.verdicts()}
    store.close()
    assert {name: one["prediction"] for name, one in said.items()} == {"b": "correct", "c": "wrong", "e": "unclear"}
    assert (said["c"]["category"], said["c"]["context"]) == ("Spurious Correlation", "over-reliance")


def test_a_panel_sees_comments_as_text(browser, folder):
    attack = "<img src=x onerror=\"document.title='attacked'\">"
    with small.review_server(folder, needed=2) as client:
        client.judge(attack, "b", {**small.CORRECT, "comment": attack})
        client.judge("Bob", "b", small.WRONG)
        page = page_of(browser, client.port)
        page.check("#as-panel")
        page.focus("#name")
        enter(page, "Eve")
        page.wait_for_selector("#others:not([hidden])")
        assert attack in page.text_content("#said")
        assert page.title() == "Review of mistakes"
        assert page.locator("#said img").count() == 0
        page.close()


def test_a_page_fits_a_phone(browser, folder):
    with small.review_server(folder, guidelines="<h1>Rules</h1>" + "<p>Look twice.</p>" * 9) as client:
        page = page_of(browser, client.port, width=360, height=700)
        assert "model has 4 mistakes under the original labels. They take about 2 minutes" in page.text_content(
            "#about"
        )
        assert page.is_visible("#enter .guidelines h1")
        enter(page, "Ada")
        image(page, "b")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        page.click("[data-value=wrong]")
        page.locator("[data-value=Major]").scroll_into_view_if_needed()
        in_sight = "id => { const box = document.getElementById(id).getBoundingClientRect(); return box.top >= 0 && box.bottom <= innerHeight; }"
        assert page.evaluate(in_sight, "picture")  # the picture and the button stay while the choices scroll
        assert page.evaluate(in_sight, "store")
        page.close()


def test_the_guess_is_shown_after_the_verdict(browser, folder):
    with small.review_server(folder) as client:
        page = page_of(browser, client.port)
        enter(page, "Ada")
        image(page, "b")
        assert page.is_hidden("#guess")
        page.keyboard.press("w")
        page.keyboard.press("Enter")
        assert "A wrong prediction needs a category" in page.text_content("#message")
        page.keyboard.press("1")
        assert page.is_hidden("#message")  # an error goes with its cause
        page.keyboard.press("m")
        page.keyboard.press("Enter")
        image(page, "c")
        page.wait_for_selector("#last:not([hidden])")
        page.wait_for_function("() => document.getElementById('last').textContent.includes('guesses')")
        assert page.text_content("#last") == (
            "Saved b: wrong, Fine-grained error, Major. The program guesses: fine-grained, because they are alike."
        )
        page.close()


def test_a_wrong_label_of_ones_own_images(browser, folder):
    """No category is asked for, one Enter adds per class, and the page says what it saved."""
    with small.review_server(folder, needs_category=False) as client:
        page = page_of(browser, client.port)
        enter(page, "Ada")
        image(page, "b")
        assert page.text_content("#labels-now") == ": cat"
        assert page.locator('#classes img[src$="/b"]').count() == 0  # it is no example of its own class
        assert page.locator('#classes img[src$="/a"]').count() == 1
        for key in ("e", "w", "/", *"lamp", "Enter"):
            page.keyboard.press(key)
        page.wait_for_selector(".also button")
        assert page.is_visible("#label-rule")
        assert page.is_visible("#optional")
        page.keyboard.press("Enter")
        image(page, "c")
        page.wait_for_function("() => document.getElementById('last').textContent.includes('guesses')")
        assert page.text_content("#last").startswith("Saved b: wrong, the label is wrong, also right: lamp.")
        labels = client.json("/export/labels.json")
        assert labels["images"]["b"]["correct"] == [3]
        assert page.complaints == []
        page.close()


def test_pairs_by_keyboard_also_on_a_phone(browser, folder):
    with small.pairs_server(folder) as client:
        page = page_of(browser, client.port, width=360, height=740)
        enter(page, "Ada")
        for one, key in (("a", "y"), ("b", "n"), ("c", "y")):
            page.wait_for_function("name => document.getElementById('one-id').textContent === name", arg=one)
            page.keyboard.press("m")
            page.wait_for_selector(".mirrored #other")
            page.keyboard.press("z")
            assert page.locator(".picture.zoomed").count() == 2
            page.keyboard.press("z")
            assert page.evaluate("document.documentElement.scrollWidth") <= 360
            assert page.locator("#same").bounding_box()["y"] + 40 < 740  # in sight without scrolling
            page.keyboard.press(key)
        page.wait_for_selector("#done:not([hidden])")
        page.keyboard.press("u")
        says(page, "2 of 3 done")
        assert page.locator(".mirrored").count() == 0
        assert "0.990 between thumbnails, 3 of 64 bits" in page.text_content("#found-by")
        assert client.json("/export/confirmed.json")["pairs"] == [{"image_id": "a", "other": "d"}]
        assert page.complaints == []
        page.close()


def test_rating_by_keyboard(browser, folder):
    with small.rating_server(folder) as client:
        page = page_of(browser, client.port)
        enter(page, "Ada")
        page.wait_for_selector(".question")
        page.keyboard.press("Enter")
        assert "Each question needs an answer" in page.text_content("#message")
        for key in "yn":
            page.keyboard.press(key)
        page.keyboard.press("Enter")
        says(page, "1 done")
        page.keyboard.press("u")
        page.wait_for_selector("[aria-pressed=true]")
        page.keyboard.press("m")
        page.keyboard.press("Enter")
        page.wait_for_selector("[aria-pressed=true]", state="detached")
        assert page.complaints == []
        page.close()
    assert [(vote["class"], vote["answer"]) for vote in votes_of(folder)] == [(0, "maybe"), (1, "no")]


def test_the_rating_page_fits_a_phone(browser, folder):
    with small.rating_server(folder) as client:
        page = page_of(browser, client.port, width=360, height=700)
        enter(page, "Ada")
        page.wait_for_selector(".question")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        page.close()


def test_an_answer_that_the_disk_refuses_is_sent_again(browser, folder, monkeypatch):
    with small.review_server(folder) as client:
        page = page_of(browser, client.port)
        enter(page, "Ada")
        image(page, "b")
        with monkeypatch.context() as full:
            full.setattr("imagenet_real.review_app.journal.Journal.append", refuse)
            page.keyboard.press("c")
            page.keyboard.press("Enter")
            page.wait_for_function("() => document.getElementById('message').textContent.includes('sends it again')")
            page.reload()  # the page keeps the answer, also if it is closed
            assert "image_id" in page.evaluate("localStorage.getItem('unsent')")
        enter(page, "")
        image(page, "c")
        assert page.evaluate("localStorage.getItem('unsent')") == "[]"
        assert client.json("/api/item", name="Ada")["progress"]["mine"] == 1
        page.close()


def refuse(*arguments):
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("link", [True, False])
def test_the_token_is_entered_and_leaves_the_address(browser, folder, link):
    token = "a-secret-of-24-characters"
    with small.review_server(folder, host="0.0.0.0", token=token) as client:
        page = browser.new_context().new_page()
        page.set_default_timeout(15_000)
        page.goto(f"http://127.0.0.1:{client.port}/" + (f"#token={token}" if link else ""))
        if not link:
            page.fill("#token", token)
            page.keyboard.press("Enter")
        page.wait_for_selector("#go")
        assert page.url == f"http://127.0.0.1:{client.port}/"
        enter(page, "Ada")
        image(page, "b")
        page.context.close()
