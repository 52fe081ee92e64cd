"""The summary of proposals, on a world one can count by eye."""

import dataclasses

import numpy as np

from imagenet_real.raters import proposal_summary as summaries
from imagenet_real.raters import proposals
from imagenet_real.raters.subsets import Choice
from imagenet_real.raters.tasks import Task
from tests import toy


def test_questions_and_tasks():
    kept = np.array([False, True, False])
    questions = summaries.count_questions(kept, np.array([0, 0, 0, 2]))
    assert (questions.images, questions.kept, questions.rated, questions.questions) == (3, 1, 2, 4)
    assert (questions.per_rated_image, questions.images_by_questions) == (2.0, [0, 1, 0, 1])
    tasks = [Task("a", (0, 1)), Task("a", (2,)), Task("c", (0,), gold=True)]
    counts = summaries.count_tasks(tasks, [[0, 2], [1, 2], [2]], np.array([0, 0, 0, 2]), max_labels=2)
    assert (counts.tasks, counts.gold, counts.fewest_possible, counts.largest) == (3, 1, 3, 2)
    assert counts.per_rater == {"least": 1, "most": 2}
    assert summaries.count_tasks(tasks, None, np.array([0, 0, 0, 2]), max_labels=2).per_rater is None


def test_quality_on_gold_and_on_the_rest():
    model, known = toy.predictions(), toy.original()
    chosen = dataclasses.replace(known, weight=np.array([1.0, 1, 0, 0, 0, 0]))
    candidates = proposals.top_k([model], [np.arange(6)], 1)
    pairs = proposals.pairs_by_proposer(candidates, known.original, known.num_classes)
    quality = summaries.measure(pairs, known, chosen)
    assert {where: rows["models"].images for where, rows in quality.items()} == {"gold": 2, "others": 4}
    assert quality["gold"]["models"].recall == 0.5  # a is right, b is wrong
    assert quality["gold"]["with_original"].recall == quality["others"]["with_original"].recall == 1


def test_keys_of_the_choice_in_the_file():
    summary = summaries.ProposalSummary(
        models=["model"],
        choice=Choice((0,), num_proposals=4, num_right=2, num_labels=2, reaches_recall=True, num_subsets=7, is_exhaustive=True),
        quality=None,
        images=summaries.count_questions(np.array([True]), np.zeros(0, int)),
        tasks=summaries.count_tasks([], None, np.zeros(0, int), 8),
    )  # fmt: skip
    assert summaries.as_json(summary)["choice"] == {
        "recall": 1.0, "precision": 0.5, "reached": True, "tried": 7, "exhaustive": True, "right": 2, "wanted": 2, "proposed": 4
    }  # fmt: skip
