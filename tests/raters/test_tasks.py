"""Tasks: every question once, few labels each, similar ones together; and who gets which."""

import collections
import itertools
import json

import numpy as np
import pytest

from imagenet_real.errors import InputError
from imagenet_real.labels import hierarchy
from imagenet_real.labels.imagenet import imagenet_wnids
from imagenet_real.raters import task_files, tasks
from imagenet_real.raters.vote_files import load_votes
from imagenet_real.raters.votes import ANSWERS

# Sixteen classes below a root: four dogs, four cats, two birds; three chairs, two tables; one stone.
KINDS = ["animal dog"] * 4 + ["animal cat"] * 4 + ["animal bird"] * 2 + ["thing chair"] * 3 + ["thing table"] * 2
PATHS = [("all", *kind.split(), str(label)) for label, kind in enumerate(KINDS)] + [("all", "15")]
FLAT = [()] * 16


def test_similar_labels_stay_together():
    made = tasks.split(range(16), PATHS)
    # Ten animals are too many: the dogs go first; cats and birds then fit with nothing but the stone beside the things.
    assert sorted(map(sorted, made)) == [[0, 1, 2, 3], [4, 5, 6, 7, 8, 9], [10, 11, 12, 13, 14, 15]]


def test_few_labels_are_one_task():
    assert tasks.split([3, 12, 15], PATHS) == [[3, 12, 15]]


def test_without_a_hierarchy_tasks_are_as_few_as_can_be():
    assert sorted(len(labels) for labels in tasks.split(range(16), FLAT, max_labels=3)) == [1] * 13 + [3]


def fewest_pieces(labels, paths, most):
    """The fewest connected pieces of the tree of `labels` with at most `most` of them each, by trying all cuts."""
    nodes = {way[: depth + 1] for way in (paths[label] for label in labels) for depth in range(len(way))}
    edges = sorted(node for node in nodes if len(node) > 1)
    for cuts in range(len(edges) + 1):
        for cut in itertools.combinations(edges, cuts):
            # A label belongs to the piece whose top is the nearest node above it that is cut from its parent.
            tops = collections.Counter(
                max((node for node in cut if paths[label][: len(node)] == node), key=len, default=())
                for label in labels
            )
            if max(tops.values()) <= most:
                return len(tops)
    raise AssertionError


@pytest.mark.parametrize("most", [2, 3, 4])
def test_as_few_tasks_as_connected_pieces_allow(most):
    random = np.random.default_rng(most)
    for _ in range(10):
        labels = random.choice(15, 7, replace=False).tolist()
        assert len(tasks.split(labels, PATHS, most)) == fewest_pieces(labels, PATHS, most)


def small_tasks(seed=0):
    images, classes = np.repeat(["a", "b", "c"], 16), np.tile(np.arange(16), 3)
    return tasks.make(images, classes, PATHS, images == "b", np.random.default_rng(seed), max_labels=4)


def test_every_question_once():
    made = small_tasks()
    asked = [(task.image_id, label) for task in made for label in task.labels]
    assert sorted(asked) == [(image, label) for image in "abc" for label in range(16)]
    assert max(len(task.labels) for task in made) == 4
    assert {task.image_id for task in made if task.gold} == {"b"}
    assert small_tasks() == made != small_tasks(seed=1)


def test_who_gets_which():
    made = small_tasks() * 20
    assignments = tasks.assign(made, 7, 5, np.random.default_rng(0))
    raters_of = collections.Counter(number for numbers in assignments for number in numbers)
    assert all(raters_of[number] == (7 if task.gold else 5) for number, task in enumerate(made))
    assert all(len(set(numbers)) == len(numbers) for numbers in assignments)
    assert max(map(len, assignments)) - min(map(len, assignments)) <= 1
    with pytest.raises(InputError, match="raters=4: a task goes to 5 different raters. Give at least 5"):
        tasks.assign(made, 4, 5, np.random.default_rng(0))


def test_label_studio_answers_come_back(tmp_path):
    made = small_tasks()
    addresses = [f"/files/{task.image_id}.png" for task in made]
    written = json.loads(task_files.as_label_studio(made, [f"kind {n}" for n in range(16)], addresses))
    assert written[0]["data"]["image"] == f"/files/{made[0].image_id}.png"
    for number, row in enumerate(written):
        results = [
            {
                "from_name": f"answer_{at}",
                "to_name": f"label_{at}",
                "type": "choices",
                "value": {"choices": [ANSWERS[label["class"] % 3]]},
            }
            for at, label in enumerate(row["data"]["labels"])
        ]
        row |= {"id": number, "annotations": [{"completed_by": 7, "result": results}]}
    (tmp_path / "export.json").write_text(json.dumps(written))
    votes = load_votes(tmp_path / "export.json")
    assert len(votes) == 48
    assert (votes.answer == votes.classes[votes.question] % 3).all()
    assert "gold" not in json.dumps(written)
    for name in ("answer_{{idx}}", "label_{{idx}}", "$image", "$labels", *ANSWERS):
        assert name in task_files.LABEL_STUDIO


def test_json_of_tasks():
    made = small_tasks()
    content = json.loads(task_files.as_json(made, [f"kind {n}" for n in range(16)], 5, [[0, 2], [1]]))
    assert content["tasks"][1] == {
        "task": 1, "image_id": made[1].image_id, "labels": list(made[1].labels), "gold": made[1].gold
    }  # fmt: skip
    assert content["assignments"] == {"rater001": [0, 2], "rater002": [1]}
    assert content["names"]["3"] == "kind 3"


def siblings(labels, paths):
    """The pairs of classes that stand below the same parent."""
    return {pair for pair in itertools.combinations(sorted(labels), 2) if paths[pair[0]][-2] == paths[pair[1]][-2]}


def test_tasks_for_the_rated_images_of_real(data):
    votes = load_votes(data / "labels" / "raters.npz")
    paths = hierarchy.load_paths(data / "labels" / hierarchy.WORDNET, imagenet_wnids())
    gold = np.zeros(len(votes.image_ids), bool)
    made = tasks.make(votes.image_ids, votes.classes, paths, gold, np.random.default_rng(0))
    assert len(made) == 35_751  # the paper's own rule, not published, makes 37,988; eights in any order make 34,126
    assert max(len(task.labels) for task in made) == 8
    asked = [(task.image_id, label) for task in made for label in task.labels]
    assert len(asked) == len(set(asked)) == 184_962
    assert set(asked) == set(zip(votes.image_ids.tolist(), votes.classes.tolist(), strict=True))

    labels_of = collections.defaultdict(list)
    for image, label in asked:
        labels_of[image].append(label)
    assert sum(-(-len(labels) // 8) for labels in labels_of.values()) == 34_126
    # Of classes that could be told apart in one task, how many are, where an image has several tasks.
    several = {image: labels for image, labels in labels_of.items() if len(labels) > 8}
    meeting = sum(len(siblings(task.labels, paths)) for task in made if task.image_id in several)
    random, by_chance = np.random.default_rng(0), 0
    for labels in several.values():
        shuffled = random.permutation(labels).tolist()
        by_chance += sum(len(siblings(shuffled[at : at + 8], paths)) for at in range(0, len(labels), 8))
    pairs = sum(len(siblings(labels, paths)) for labels in several.values())
    assert meeting / pairs == pytest.approx(0.964, abs=5e-4)
    assert by_chance / pairs == pytest.approx(0.49, abs=0.01)
