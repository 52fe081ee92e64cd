"""Answers in words: 400 by hand, and the files that hold them."""

import functools
import json
import os
import pathlib

import numpy as np
import pytest

from imagenet_real.errors import InputError
from imagenet_real.labels.imagenet import imagenet_wnids
from imagenet_real.labels.spellings import load_class_info
from imagenet_real.predictions import answer_words
from imagenet_real.predictions.answer_matching import Matcher, Verdict, singular, words_of
from imagenet_real.predictions.predictions import load_predictions

BY_HAND = pathlib.Path(__file__).with_name("answers_by_hand.tsv")
NAMES = [
    ["tench", "Tinca tinca"],
    ["crane"],
    ["golden retriever"],
    ["crane", "derrick"],
    ["rubber eraser", "rubber"],
    ["tabby", "tabby cat"],
    ["Persian cat"],
    ["Saint Bernard", "St Bernard"],
    ["carpenter's plane", "plane"],
    ["orange"],
    ["fly"],
    ["sports car", "sport car"],
]
TENCH, CRANE, RETRIEVER, _, _, TABBY, PERSIAN, BERNARD, *_ = range(len(NAMES))


@functools.cache
def matcher():
    return Matcher(NAMES, [f"n{number:08d}" for number in range(len(NAMES))])


@functools.cache
def by_hand():
    return [line.split("\t") for line in BY_HAND.read_text(encoding="utf-8").splitlines()]


@functools.cache
def imagenets():
    """ImageNet's matcher and the usual names of its classes."""
    names, _ = load_class_info(pathlib.Path(os.environ["IMAGENET_REAL_DATA"]) / "labels" / "class_info.json")
    return Matcher(names, imagenet_wnids()), [synonyms[0] for synonyms in names]


@pytest.mark.skipif("IMAGENET_REAL_DATA" not in os.environ, reason="IMAGENET_REAL_DATA is not set: no names of classes")
@pytest.mark.parametrize("kind", ["matched", "ambiguous", "unmatched"])
def test_answers_are_read_as_a_person_reads_them(kind):
    """In the file, `?` is ambiguous and `-` is unmatched."""
    read, usual = imagenets()
    kinds = {"?": "ambiguous", "-": "unmatched"}
    answers = [(expected, text) for expected, text in by_hand() if kinds.get(expected, "matched") == kind]
    wrong = []
    for expected, text in answers:
        reading = read.read(text)
        is_right = reading.verdict.name.lower() == kind
        is_right &= kind != "matched" or [usual[label] for label in reading.classes] == [expected]
        wrong += [] if is_right else [(text, expected, reading)]
    assert wrong == []
    assert len(answers) >= 30


@pytest.mark.skipif("IMAGENET_REAL_DATA" not in os.environ, reason="IMAGENET_REAL_DATA is not set: no names of classes")
def test_each_name_of_one_class_is_matched_alone():
    """But for those that mean something else in everyday English."""
    read, _ = imagenets()
    names, _ = load_class_info(pathlib.Path(os.environ["IMAGENET_REAL_DATA"]) / "labels" / "class_info.json")
    classes: dict[str, set[int]] = {}
    for label, synonyms in enumerate(names):
        for name in synonyms:
            classes.setdefault(name.lower(), set()).add(label)
    unique = {name: labels for name, labels in classes.items() if len(labels) == 1}
    missed = {name for name, labels in unique.items() if read.read(f"I see a {name}.").classes != tuple(labels)}
    ambiguous = {name for name in unique if read.read(f"I see a {name}.").verdict == Verdict.AMBIGUOUS}
    assert missed == answer_words.NO_NAMES
    assert ambiguous <= answer_words.EVERYDAY
    assert len(unique) == 1822


def test_the_answers_by_hand_are_many_and_different():
    texts = [text for _, text in by_hand()]
    assert len(texts) == len(set(texts)) == 400


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I see two tenches.", TENCH),
        ("A man holding a Tinca tinca", TENCH),
        ("not a crane, but a tench", TENCH),
        ("It's a St. Bernard!", BERNARD),
        ("n00000002", RETRIEVER),
        ("a golden-retriever puppy", RETRIEVER),
        ("An orange tabby cat", TABBY),
        ("crane (derrick)", 3),
    ],
)
def test_one_name_or_synonym_is_a_match(text, expected):
    reading = matcher().read(text)
    assert (reading.verdict, reading.classes) == (Verdict.MATCHED, (expected,))


@pytest.mark.parametrize(
    ("text", "candidates"),
    [
        ("a crane", {1, 3}),  # two classes of one name
        ("a cat", {TABBY, PERSIAN}),  # the last word of several names
        ("a tench and a golden retriever", {TENCH, RETRIEVER}),
        ("I cannot say whether it is a tench", {TENCH}),
        ("a puppet on an orange", {9}),  # named beside the subject
        ("a rubber duck", {4}),  # part of the name of something else
        ("a plane", {8}),  # means something else in everyday English
    ],
)
def test_several_readings_are_ambiguous(text, candidates):
    reading = matcher().read(text)
    assert (reading.verdict, set(reading.classes)) == (Verdict.AMBIGUOUS, candidates)


@pytest.mark.parametrize(
    "text", ["", "??", "I'm sorry, I can't help.", "no tench", "An orange cap", "a bird that can fly", "a car", "17"]
)
def test_no_name_is_no_match(text):
    assert matcher().read(text).verdict == Verdict.UNMATCHED, matcher().read(text)


@pytest.mark.parametrize(
    ("plural", "expected"),
    [("wolves", "wolf"), ("boxes", "box"), ("magpies", "magpy"), ("magpie", "magpy"), ("bus", "bus"), ("gas", "gas")],
)
def test_plurals_have_the_form_of_their_singular(plural, expected):
    assert singular(plural) == expected


def test_words_have_no_marks_and_clauses_end():
    assert words_of("I\u2019d say: jack-o'-lantern \u2013 caf\u00e9!") == [
        "id",
        "say",
        "|",
        "jack",
        "o",
        "lantern",
        "|",
        "cafe",
        "|",
    ]


def write(path, lines):
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_a_file_of_answers_is_predictions_of_the_named_classes(tmp_path):
    lines = [("a.jpg", "a tench"), ("b.jpg", "a crane"), ("c.jpg", "no idea")]
    path = write(tmp_path / "vlm.jsonl", [{"image_id": name, "answer": text, "model": "x"} for name, text in lines])
    predictions = load_predictions(path, [", ".join(names) for names in NAMES])
    assert (predictions.name, predictions.num_classes) == ("vlm", len(NAMES))
    assert predictions.image_ids.tolist() == ["a", "b", "c"]
    np.testing.assert_array_equal(predictions.top, [[TENCH], [-1], [-1]])
    assert predictions.answers.texts == ("a tench", "a crane", "no idea")
    assert [predictions.answers.are(verdict).sum() for verdict in Verdict] == [1, 1, 1]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([{"image_id": "a", "answer": 3}], "answer"),
        ([{"image_id": "a", "answer": "tench"}, {"answer": "tench"}], "line 2"),
        ([{"image_id": "a", "answer": "tench"}] * 2, "duplicate image id: a"),
    ],
)
def test_a_wrong_file_of_answers_is_one_line(tmp_path, lines, message):
    with pytest.raises(InputError, match=message) as error:
        load_predictions(write(tmp_path / "vlm.jsonl", lines), ["tench"])
    assert "\n" not in str(error.value)
