import numpy as np
import pytest

from imagenet_real.errors import InputError
from imagenet_real.labels.imagenet import imagenet_wnids
from imagenet_real.raters import aggregation
from imagenet_real.raters.crowd_labels import of_labels
from imagenet_real.raters.vote_files import load_votes
from imagenet_real.raters.votes import NO, YES
from tests.raters.test_vote_files import rows

PETS = ["cat", "dog", "bird"]
LABELS = "task,worker,label\nb.jpg,al,cat\nb.jpg,zoe,dog\nb.jpg,kim,cat\na.jpg,al,bird\n"
EXPECTED = [
    ("a", 2, "al", YES),
    ("b", 0, "al", YES),
    ("b", 0, "kim", YES),
    ("b", 0, "zoe", NO),
    ("b", 1, "al", NO),
    ("b", 1, "kim", NO),
    ("b", 1, "zoe", YES),
]


def test_a_worker_says_no_to_the_classes_that_others_name(place):
    (place / "crowd.csv").write_text(LABELS)
    votes = load_votes(place / "crowd.csv", PETS)
    assert rows(votes) == EXPECTED
    assert aggregation.majority(votes, 0.5).scores.tolist() == pytest.approx([1, 2 / 3, 1 / 3])


def test_columns_of_other_tools_and_codes_of_classes(place):
    (place / "crowd.csv").write_text("label,annotator,image_id\n0,al,b\n1,zoe,b\n0,kim,b\n2,al,a\n")
    assert rows(load_votes(place / "crowd.csv")) == EXPECTED
    lines = "".join(
        f'{{"task": "b", "worker": "{name}", "label": "{imagenet_wnids()[5]}"}}\n' for name in ("al", "zoe")
    )
    (place / "crowd.jsonl").write_text(lines)
    assert rows(load_votes(place / "crowd.jsonl")) == [("b", 5, "al", YES), ("b", 5, "zoe", YES)]


def test_several_labels_of_a_worker_and_repeated_rows():
    votes = of_labels(np.array(list("bbb")), np.array(["al", "al", "al"]), np.array([3, 1, 3]), "crowd")
    assert rows(votes) == [("b", 1, "al", YES), ("b", 3, "al", YES)]


def test_votes_equal_a_plain_loop():
    random = np.random.default_rng(0)
    images, workers, labels = random.integers(0, 30, 400), random.integers(0, 9, 400), random.integers(0, 6, 400)
    votes = of_labels(images.astype(str), np.char.add("w", workers.astype(str)), labels, "crowd")
    expected = []
    for image in sorted(set(images.astype(str))):
        here = images.astype(str) == image
        for label in sorted(set(labels[here])):
            for worker in sorted(set(workers[here])):
                says = bool((here & (workers == worker) & (labels == label)).any())
                expected.append((image, label, f"w{worker}", YES if says else NO))
    assert rows(votes) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("task,worker,label\n", "no row"),
        ("task,worker,label\na,al,\n", "row 1 has no label"),
        ("task,worker,label\n,al,cat\n", "row 1 has no task"),
        ("task,worker,label\na,al,horse\n", "horse"),
        ("task,label\na,cat\n", "image_id"),  # neither crowd labels nor votes
    ],
)
def test_wrong_crowd_labels_are_one_line(nowhere, text, message):
    (nowhere / "crowd.csv").write_text(text)
    with pytest.raises(InputError, match=message) as error:
        load_votes(nowhere / "crowd.csv", PETS)
    assert "\n" not in str(error.value)
