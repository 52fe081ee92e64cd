"""Writes rating tasks: JSON for the rating page, and an import for Label Studio with its labeling interface."""

import json
from collections.abc import Sequence

from etils import epath

from imagenet_real.raters.tasks import Task
from imagenet_real.raters.votes import ANSWERS

LABEL_STUDIO = """<View>
  <Image name="image" value="$image" zoom="true"/>
  <Header value="Is this in the image?"/>
  <Repeater on="$labels" indexFlag="{{idx}}">
    <View style="display: flex; gap: 1em; align-items: baseline">
      <Text name="label_{{idx}}" value="$labels[{{idx}}].name"/>
      <Choices name="answer_{{idx}}" toName="label_{{idx}}" choice="single-radio" showInline="true" required="true">
        <Choice value="no"/><Choice value="maybe"/><Choice value="yes"/>
      </Choices>
    </View>
  </Repeater>
</View>
"""


def as_json(
    tasks: Sequence[Task], names: Sequence[str], per_task: int, assignments: Sequence[Sequence[int]] | None
) -> str:
    """Returns the content of `tasks.json`.

    Args:
      tasks: in the order in which raters see them.
      names: of all classes.
      per_task: raters of each task.
      assignments: for each rater the rows of their tasks; None if the page gives each task to `per_task` raters, and
        gold to all.
    """
    labels = sorted({label for task in tasks for label in task.labels})
    content = {
        "schema": 1,
        "answers": ANSWERS,
        "raters_per_task": per_task,
        "names": {label: names[label] for label in labels},
        "tasks": [
            {"task": number, "image_id": task.image_id, "labels": task.labels, "gold": task.gold}
            for number, task in enumerate(tasks)
        ],
        "assignments": None
        if assignments is None
        else {f"rater{number:03d}": list(numbers) for number, numbers in enumerate(assignments, start=1)},
    }
    return json.dumps(content)


def as_label_studio(tasks: Sequence[Task], names: Sequence[str], addresses: Sequence[str]) -> str:
    """Returns tasks to import into Label Studio, whose interface is `LABEL_STUDIO`. They do not show which are gold.

    Args:
      tasks: in the order in which raters see them.
      names: of all classes.
      addresses: of the image of each task.
    """
    rows = [
        {
            "data": {
                "image": address,
                "image_id": task.image_id,
                "labels": [{"class": label, "name": names[label]} for label in task.labels],
            }
        }
        for task, address in zip(tasks, addresses, strict=True)
    ]
    return json.dumps(rows)


def files(
    workdir: epath.Path,
    tasks: Sequence[Task],
    names: Sequence[str],
    per_task: int,
    assignments: Sequence[Sequence[int]] | None,
    addresses: Sequence[str],
) -> dict[epath.Path, str]:
    """Returns the files of the tasks, each with its content."""
    return {
        workdir / "tasks.json": as_json(tasks, names, per_task, assignments),
        workdir / "label_studio.json": as_label_studio(tasks, names, addresses),
        workdir / "label_studio.xml": LABEL_STUDIO,
    }
