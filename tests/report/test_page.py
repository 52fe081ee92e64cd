import dataclasses
import html.parser
import io
import re

import numpy as np
import pytest
from PIL import Image

import imagenet_real
from imagenet_real.labels.attributes import Attribute
from imagenet_real.labels.label_set import LabelSet
from imagenet_real.predictions.answer_matching import Matcher
from imagenet_real.predictions.answers import Answers
from imagenet_real.predictions.predictions import Predictions
from imagenet_real.report.page import document
from imagenet_real.report.page.document import write_report
from imagenet_real.report.page.markup import Scale, element, table
from imagenet_real.report.page.subject import Subject
from imagenet_real.report.plots import scatter
from imagenet_real.scoring import results as scoring
from imagenet_real.scoring.published_models import PublishedModels
from tests import toy

pytestmark = pytest.mark.slow

NAMES = ["cat", "dog", "cow, ox", "cow, beef"]
VOID = {"meta", "img", "br", "hr", "link", "wbr"}


class Reader(html.parser.HTMLParser):
    """Reads a page as a browser would, and remembers what tests ask for."""

    def __init__(self, text):
        super().__init__()
        self.open, self.texts, self.attributes, self.pictures, self.tables = [], [], [], [], []
        self.in_word = False
        self.feed(text)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.in_word = tag == "wbr"  # a place where a name may break
        self.attributes += attrs.items()
        if tag == "img" or (tag == "svg" and "svg" not in self.open):
            self.pictures.append({"tag": tag, **attrs})
        if tag == "title" and self.open[-1:] == ["svg"] and self.open.count("svg") == 1:
            self.pictures[-1]["title"] = "yes"
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self.tables[-1].append([])
        if tag in ("td", "th"):
            self.tables[-1][-1].append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.in_word:
            self.texts[-1] += data
        else:
            self.texts.append(data)
        self.in_word = False
        if "tr" in self.open and self.tables[-1][-1]:
            self.tables[-1][-1][-1] += data


def read(folder):
    text = (folder / "report.html").read_text(encoding="utf-8")
    return text, Reader(text)


def results_of(*models, **options):
    return imagenet_real.score(list(models), toy.label_sets(), ks=(1, 2), **options)


def three_models():
    second = toy.predictions("second", top=toy.TOP[:, ::-1])
    mixed = np.where(np.arange(6)[:, None] < 3, toy.TOP, toy.TOP[:, ::-1])
    return results_of(toy.predictions("first"), second, toy.predictions("third", top=mixed))


def jpeg(image_id):
    content = io.BytesIO()
    Image.new("RGB", (300, 200), (ord(image_id[0]), 90, 10)).save(content, "JPEG")
    return content.getvalue()


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    folder = tmp_path_factory.mktemp("three")
    results = three_models()
    write_report(folder, results, NAMES, ["pets", "pets", "cattle", "cattle"])
    return folder, results


def test_the_page_has_the_numbers_of_the_results(three):
    folder, results = three
    text, page = read(folder)
    accuracy = next(table for table in page.tables if table[0][1] == "model")
    head = ["original top-1", "ReaL", "multi-label"]
    for line in accuracy[1:]:
        cells = dict(zip(accuracy[0], line, strict=True))
        for name, label_set in zip(head, ("original", "real", "multilabel"), strict=True):
            expected = next(
                row
                for row in results.rows
                if (row["model"], row["label_set"], row["k"]) == (cells["model"], label_set, 1)
            )
            half = (expected["high"] - expected["low"]) / 2
            assert cells[name].startswith(f"{expected['accuracy'] * 100:.2f} ±{half * 100:.2f}")
    assert len(accuracy) == 4
    assert results.provenance["imagenet_real"] in text


def test_all_sections_of_several_models(three):
    text, page = read(three[0])
    assert re.findall(r'<section id="(\w+)"', text) == [
        "accuracy", "against", "ranks", "classes", "confusions", "disagreement", "provenance",
    ]  # fmt: skip
    links = [value for key, value in page.attributes if key == "href" and value.startswith("#") and len(value) < 15]
    assert links == ["#accuracy", "#against", "#ranks", "#classes", "#confusions", "#disagreement", "#provenance"]
    groups = next(table for table in page.tables if table[0][0] == "group")
    assert {row[0] for row in groups[1:]} == {"pets", "cattle"}
    assert any("cow, ox" in text for text in page.texts)  # two classes are called cow


def test_drawings_are_files_too(three):
    folder = three[0]
    assert {path.name for path in folder.iterdir()} == {
        "report.html", "accuracy_scatter.png", "accuracy_scatter.svg", "ranks.png", "ranks.svg",
    }  # fmt: skip
    assert Image.open(folder / "ranks.png").size[0] > 300
    page = (folder / "report.html").read_text()
    for path in re.findall(r' d="([^"]+)"', (folder / "ranks.svg").read_text()):
        assert path in page  # the page has the same drawing in its own colors
    assert "#000000" not in page.partition("<main>")[2]


def test_every_picture_says_what_it_shows(three):
    _, page = read(three[0])
    assert len(page.pictures) > 10
    for picture in page.pictures:
        described = picture.get("alt") if picture["tag"] == "img" else picture.get("aria-label") or picture.get("title")
        assert described or picture.get("aria-hidden") == "true", picture
        assert picture["tag"] == "img" or picture.get("role") == "img" or picture.get("aria-hidden") == "true"


def test_nothing_is_loaded_from_elsewhere(three):
    text, page = read(three[0])
    loads = [
        value for key, value in page.attributes if key in ("src", "href", "xlink:href", "data", "srcset", "action")
    ]
    assert all(value.startswith(("#", "data:image/jpeg;base64,")) for value in loads)
    assert text.count("<script") == 1
    assert not re.search(r"\b(fetch|import|XMLHttpRequest|eval|innerHTML|http)\b", text[text.index("<script") :])
    assert "@import" not in text
    assert not re.search(r"url\((?!#)", text)


def test_the_same_results_give_the_same_bytes(three, tmp_path):
    write_report(tmp_path, three_models(), NAMES, ["pets", "pets", "cattle", "cattle"])
    for path in three[0].iterdir():
        assert (tmp_path / path.name).read_bytes() == path.read_bytes(), path.name


def test_names_that_users_give_are_escaped(tmp_path):
    evil = '<script>alert("1")</script>&$x_{1'
    models = [toy.predictions(evil), toy.predictions("b", top=toy.TOP[:, ::-1])]
    models.append(toy.predictions("c", top=np.roll(toy.TOP, 1, axis=0)))
    results = results_of(*models)
    label_sets = [
        dataclasses.replace(label_set, name=f"<i>{label_set.name}</i>$\\x$") for label_set in toy.label_sets()
    ]
    other_results = imagenet_real.score(models, label_sets, ks=(1,))
    results.notes.append(evil)
    for folder, content in (("published", results), ("others", other_results)):
        write_report(tmp_path / folder, content, [evil, "b", "c", "d"], [evil] * 4, jpeg)
        text, page = read(tmp_path / folder)
        assert text.count("<script") == 1  # the page's own
        assert "<i>" not in text
        assert any(evil in words for words in page.texts)


def test_one_model_and_its_gallery(tmp_path):
    """By the label sets of the toy world: b, c and f are wrong by the original labels and right by ReaL, for example."""
    model = toy.predictions(top_scores=np.array([[4.0, 0]] * 6), logsumexp=np.full(6, 4.5))
    write_report(
        tmp_path, results_of(model), NAMES, picture=lambda image_id: None if image_id == "b" else jpeg(image_id)
    )
    text, page = read(tmp_path)
    assert re.findall(r'<section id="(\w+)"', text) == [
        "accuracy", "classes", "confusions", "calibration", "disagreement", "flips", "provenance",
    ]  # fmt: skip
    images = [picture["alt"] for picture in page.pictures if picture["tag"] == "img"]
    assert images[0] == "c, predicted cow, ox"
    assert not any(alt.startswith("b,") for alt in images)  # its picture cannot be had
    card = text[text.index("c, predicted") :].partition("</figure>")[0]
    assert "<b>cow, ox (61%)</b>" in card
    assert '<dt>original</dt><dd class="wrong">✗ dog</dd>' in card
    assert '<dt>ReaL</dt><dd class="right">✓ dog, cow, ox</dd>' in card
    assert '<dt>multi-label</dt><dd class="wrong">✗ dog</dd>' in card
    assert (tmp_path / "calibration.svg").exists()


def test_a_single_model_is_compared_with_no_others(tmp_path):
    write_report(tmp_path, results_of(toy.predictions()), NAMES)
    text, _ = read(tmp_path)
    assert not re.search(r"other model|neighbors|each pair|models", re.sub(r"(?s)<(style|script).*?</\1>", "", text))


def test_classes_of_ones_own_without_real_and_without_scores(tmp_path):
    group = np.arange(200) % 10
    ids = np.array([f"photos/{number}" for number in range(200)])
    labels = LabelSet("mine", ids, group[:, None], np.ones(200), group, 10)
    model = Predictions(ids, np.where(np.arange(200) < 150, group, (group + 1) % 10)[:, None], name="net")
    write_report(tmp_path, imagenet_real.score(model, [labels], ks=(1,)), [f"kind {number}" for number in range(10)])
    text, page = read(tmp_path)
    assert re.findall(r'<section id="(\w+)"', text) == ["accuracy", "classes", "confusions", "provenance"]
    confusions = next(table for table in page.tables if table[0][0] == "classes")
    assert confusions[1][0] == "kind 0 and kind 1"
    assert confusions[1][2] == "5"
    classes = next(table for table in page.tables if table[0][:2] == ["class", "images"])
    assert (classes[1][0], classes[1][1], classes[1][3]) == ("kind 0", "20", "75.00")


@pytest.mark.parametrize("models", [1, 2])
def test_people_stand_beside_models_and_nowhere_else(tmp_path, models):
    known = [toy.predictions("first"), toy.predictions("second", top=toy.TOP[:, ::-1])][:models]
    ada = Predictions(known[0].image_ids[:3], known[0].top[:3, :1], num_classes=4, name="Ada", person=True)
    results = results_of(*known, ada)
    write_report(tmp_path, results, NAMES)
    text, page = read(tmp_path)
    accuracy, beside = page.tables[:2]
    assert [row[1] for row in accuracy[1:]][-1] == "Ada"
    assert beside[0][0] == "person"
    assert {row[0] for row in beside[1:]} == {"Ada"}
    with_people, without = Subject(results, NAMES), Subject(results_of(*known), NAMES)
    assert with_people.models == without.models
    for name, (shares, images) in without.by_class.items():
        np.testing.assert_array_equal(with_people.by_class[name][0], shares)
        np.testing.assert_array_equal(with_people.by_class[name][1], images)
    assert with_people.evidence.models == without.evidence.models
    assert text.count("Ada") == 1 + (len(beside) - 1) + 1  # the last one in the provenance


def test_models_of_different_images(tmp_path):
    whole, part = toy.predictions("whole"), toy.predictions("part", image_ids=toy.IDS[:4], top=toy.TOP[:4])
    write_report(tmp_path, results_of(whole, part, allow_missing=True), NAMES, picture=jpeg)
    read(tmp_path)


def test_many_classes_and_models_stay_small(tmp_path):
    random = np.random.default_rng(0)
    group = random.integers(0, 1000, 4000)
    ids = np.array([f"image_{number}" for number in range(4000)])
    other = np.where(random.random(4000) < 0.1, (group + 1) % 1000, group)
    sets = [
        LabelSet(name, ids, labels[:, None], np.ones(4000), group, 1000)
        for name, labels in (("original", group), ("other", other))
    ]
    models = [
        Predictions(
            ids, np.where(random.random(4000) < 0.5 + at / 200, group, (group + 7) % 1000)[:, None], name=f"m{at}"
        )
        for at in range(60)
    ]
    results = imagenet_real.score(models, sets, ks=(1,))
    write_report(tmp_path, results, [f"a rather long name of a class {number}" for number in range(1000)])
    text, page = read(tmp_path)
    assert len(text.encode()) < 1_000_000
    assert any("the best 50 of 60 models" in words for words in page.texts)
    assert len(next(table for table in page.tables if table[0][1] == "model")) == 61


def test_what_is_not_markup_is_escaped():
    assert element("p", "a<b", class_='x"y') == '<p class="x&quot;y">a&lt;b</p>'
    assert element("p", element("b", "&"), None, data_at=1) == '<p data-at="1"><b>&amp;</b></p>'


def test_the_scale_of_tracks_ends_at_round_numbers():
    scale = Scale([0.713, 0.888, float("nan")])
    assert (scale.low, scale.high) == (0.7, 0.9)
    assert scale.at(0.8) == "50.00%"
    assert (Scale([1.0]).high, Scale([0.0]).low) == (1.0, 0.0)


def test_sections_without_images_have_no_gallery():
    subject = Subject(results_of(toy.predictions()), NAMES)
    assert "flips" not in [section.anchor for section in document.sections_of(subject)]


def section(text, anchor):
    return text[text.index(f'<section id="{anchor}"') :].partition("</section>")[0]


def test_a_report_on_some_images_counts_no_others(tmp_path):
    """ReaL and the original labels differ on b, c, d and f; of the three predicted images a, b and c on two."""
    some = toy.predictions(image_ids=toy.IDS[:3], top=toy.TOP[:3])
    write_report(tmp_path, results_of(some, allow_missing=True), NAMES)
    text, page = read(tmp_path)
    relations = next(table for table in page.tables if table[0][0] == "label sets")
    assert {row[0]: row[2] for row in relations[1:]}["original and ReaL"] == "3"
    assert "on the 3 images with predictions" in section(text, "disagreement")


@pytest.mark.parametrize(("models", "has_line"), [(3, False), (7, False), (8, True)])
def test_few_models_have_no_regression(tmp_path, models, has_line):
    random = np.random.default_rng(0)
    tops = [
        np.where(random.random((6, 1)) < at / models, toy.ORIGINAL[:, None], toy.TOP[:, :1]) for at in range(models)
    ]
    results = imagenet_real.score(
        [toy.predictions(f"m{at}", top=top) for at, top in enumerate(tops)], toy.label_sets(), ks=(1,)
    )
    write_report(tmp_path, results, NAMES)
    text, _ = read(tmp_path)
    assert ("slope" in section(text, "against")) == has_line


def test_two_models_are_compared_and_not_ranked_by_pairs(tmp_path):
    write_report(tmp_path, results_of(toy.predictions("a"), toy.predictions("b", top=toy.TOP[:, ::-1])), NAMES)
    text, _ = read(tmp_path)
    assert "The difference of the two models is not significant under ReaL." in text
    assert "pairs of neighbors" not in text.partition("<section")[0]
    assert "the mean is" not in text.partition("<section")[0]


def test_the_best_value_of_every_column_is_bold(tmp_path):
    models = [toy.predictions("a"), toy.predictions("b", top=toy.TOP[:, ::-1])]
    write_report(tmp_path, imagenet_real.score(models, toy.label_sets(), ks=(1, 2)), NAMES)
    text, page = read(tmp_path)
    columns = len(next(table for table in page.tables if table[0][1] == "model")[0])
    accuracy = section(text, "accuracy")
    row = next(line for line in accuracy.split("<tr")[2:] if "<b>" in line)
    assert accuracy.count("<b>") >= columns - 2, row


def test_answers_in_words_have_counts_bounds_and_examples(tmp_path):
    matcher = Matcher([["cat"], ["dog", "crane"], ["cow"], ["cow, ox", "crane"]])
    texts = ("a cat", "a crane", "a crane", "no idea", "<b>cow</b>", "a cat")
    answers = Answers(texts, tuple(matcher.read(text) for text in texts))
    write_report(tmp_path, results_of(toy.predictions("vlm", top=answers.top, answers=answers)), NAMES)
    text, page = read(tmp_path)
    counts = next(table for table in page.tables if table[0][-1] == "unmatched")
    assert counts[1][2:] == ["6", "3", "2", "1"]
    bounds = next(table for table in page.tables if "as scored, %" in table[0])
    assert bounds[1][:4] == ["vlm", "original", "6", "33.33"]
    assert ["a crane", "dog, cow, beef", "2"] in next(table for table in page.tables if table[0][0] == "answer")
    assert "<b>cow</b>" not in section(text, "answers")


def test_scores_of_all_classes_have_a_section(tmp_path):
    scores = np.eye(4, dtype=np.float32)[toy.TOP[:, 0]]
    write_report(tmp_path, results_of(toy.predictions(scores=scores)), NAMES)
    _, page = read(tmp_path)
    ranking = next(table for table in page.tables if "mean average precision, %" in table[0])
    assert [row[1] for row in ranking[1:]] == ["original", "ReaL", "multi-label"]


def test_published_models_stand_beside_those_of_the_report(tmp_path):
    """Results on a toy world say nothing about published accuracies; with the number of images they do."""
    published = PublishedModels(
        ("near.a_in1k", "mine.b_in1k", "far.c_in1k"),
        (224, 288, 224),
        {"original": np.array([0.35, 0.9, 0.2]), "real": np.array([0.8, 0.95, 0.3])},
    )
    results = results_of(toy.predictions("mine"))
    scoring.add_reference(results, published)
    write_report(tmp_path / "toy", results, NAMES)
    assert "not comparable" in section(read(tmp_path / "toy")[0], "reference")
    for row in results.rows:
        row |= {"images": {"original": 50_000, "real": 46_837}.get(row["label_set"], row["images"])}
    scoring.add_reference(results, published)
    write_report(tmp_path / "whole", results, NAMES)
    text, page = read(tmp_path / "whole")
    table = next(table for table in page.tables if table[0][1] == "model, size of images")
    assert [row[1] for row in table[1:]] == ["mine.b_in1k, 288 px", "mine", "near.a_in1k, 224 px", "far.c_in1k, 224 px"]
    assert "more accurate than mine: 2 of 3 under the original labels and 1 of 3 under ReaL" in text
    assert (tmp_path / "whole" / "published_models.svg").exists()


def test_slices_have_a_plot_and_a_table_for_each_attribute(tmp_path):
    ids = np.array([f"i{number}" for number in range(60)])
    original = np.arange(60) % 4
    labels = LabelSet("original", ids, original[:, None], np.ones(60), original, 4)
    top = np.where(np.arange(60) < 30, original, (original + 1) % 4)[:, None]
    size = Attribute.of_values("size", ids, ["large" if number < 30 else "small" for number in range(60)])
    models = [Predictions(ids, top, name="a"), Predictions(ids, np.roll(top, 1), name="b")]
    results = scoring.score_models(models, [labels], ks=(1,), slices=[size])
    write_report(tmp_path, results, NAMES)
    text, page = read(tmp_path)
    table = next(table for table in page.tables if table[0][0] == "value")
    assert {row[0]: row[1] for row in table[1:]} == {"large": "30", "small": "30"}
    assert [row[4] for row in table[1:]] == ["+100.00", "-100.00"]
    assert "2 of 2 slices differ significantly" in section(text, "slices")
    assert (tmp_path / "slices.png").exists()


def test_under_one_label_set_the_gallery_has_the_mistakes(tmp_path):
    results = imagenet_real.score(toy.predictions(), [toy.original()], ks=(1,))
    write_report(tmp_path, results, NAMES, picture=jpeg)
    text, page = read(tmp_path)
    images = [picture["alt"] for picture in page.pictures if picture["tag"] == "img"]
    assert {alt[0] for alt in images} <= {"b", "c", "e", "f"}  # a and d are right
    assert "Wrong predictions of model" in section(text, "mistakes")


def test_names_break_after_a_sign_and_numbers_do_not(tmp_path):
    assert element("td", "vit_tiny.augreg_in1k") == "<td>vit_<wbr>tiny.<wbr>augreg_<wbr>in1k</td>"
    assert element("td", "82.86 <b_c") == "<td>82.86 &lt;b_<wbr>c</td>"
    write_report(tmp_path, results_of(toy.predictions("my_net")), NAMES)
    text, _ = read(tmp_path)
    assert "<title>my_net</title>" in text
    assert "<h1>my_<wbr>net</h1>" in text


def test_notes_are_at_the_top_if_they_are_few(tmp_path):
    results = results_of(toy.predictions())
    for count in (2, 7):
        results.notes[:] = [f"note {number}" for number in range(count)]
        write_report(tmp_path, results, NAMES)
        top, _, rest = read(tmp_path)[0].partition("<section")
        assert ("note 1" in top, "note 1" in rest) == (count == 2, count == 7)


def test_no_axis_of_accuracies_goes_beyond_100_percent():
    x = np.linspace(0.5, 0.99, 10)
    figure = scatter.figure(x, np.minimum(x + 0.05, 1.0), [f"m{at}" for at in range(10)], {}, y_name="ReaL")
    low, high = figure.axes[0].get_ylim()
    assert 0 <= low < high <= 100


def test_on_a_phone_numbers_have_room_beside_or_below_the_names():
    form = [
        re.search(r'<table( class="\w+")?', table(["", "track", *["n"] * count], [], wide=(1,)))[1]
        for count in (4, 5, 7)
    ]
    assert form == [' class="beside"', ' class="below"', None]
    assert "--numbers: 3" in table(["", "track", *["n"] * 5], [], wide=(1,), kinds={5: "extra", 6: "extra"})
