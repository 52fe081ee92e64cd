"""The whole way: models propose, simulated raters answer the tasks they are given, and their votes become labels."""

import json

import numpy as np
import pytest

from configs import aggregate as aggregate_config
from imagenet_real.labels import analysis
from imagenet_real.labels.json_format import load_label_set
from imagenet_real.programs import aggregate, propose
from imagenet_real.raters import synthetic
from imagenet_real.raters.votes import ANSWERS
from tests.programs.test_propose import world  # noqa: F401

pytestmark = pytest.mark.slow


def answers_to(tasks, known, random):
    """Votes as the rating page writes them, of raters who see 95 % of what is there and deny 97 % of what is not."""
    right = {name: set(row.tolist()) for name, row in zip(known.image_ids.tolist(), known.labels, strict=True)}
    seen = synthetic.matrix(0.95, 0.97, maybe=0.02)
    for rater, numbers in tasks["assignments"].items():
        for task in (tasks["tasks"][number] for number in numbers):
            for label in task["labels"]:
                answer = ANSWERS[random.choice(3, p=seen[int(label in right[task["image_id"]])])]
                yield {"image_id": task["image_id"], "class": label, "rater": rater, "answer": answer, "seconds": 2.0}


def test_labels_come_near_the_truth(world):  # noqa: F811
    folder, config, original, known = world
    config.raters, config.k, config.min_recall = 9, 5, 0.95
    propose.run(config, folder / "tasks")
    tasks = json.loads((folder / "tasks" / "tasks.json").read_text())
    votes = {"schema": 1, "votes": list(answers_to(tasks, known, np.random.default_rng(0)))}
    (folder / "votes.json").write_text(json.dumps(votes))

    aggregated = aggregate_config.get_config()
    aggregated.votes, aggregated.gold = str(folder / "votes.json"), str(folder / "tasks" / "gold.json")
    aggregated.original = config.original
    summary = aggregate.run(aggregated, folder / "out")
    labels = load_label_set(folder / "out" / "label_set.json")
    near, before = (set(analysis.agreement(label_set, known)["equal"]) for label_set in (labels, original))
    rated = {task["image_id"] for task in tasks["tasks"]}
    assert len(near & rated) > 0.97 * len(rated)
    assert len(before & rated) < 0.5 * len(rated)
    assert len(near) > 0.85 * len(
        known
    )  # on some images the only model that proposes agrees with an original label too few
    # Experts' labels of the gold images stood in no file that raters see, and yet made them known.
    assert summary["gold"]["rated"] == sum(len(task["labels"]) for task in tasks["tasks"] if task["gold"])
    assert all(row["suspicious"] == [] for row in summary["raters"] if row["rater"] != "original label")
