"""The whole way from models and raters to labels, where the truth is known: digit scenes and simulated raters.

    python bench/rating_circle.py --workdir=runs/circle [--tfds-dir=DIR]

Trains six nets on the noisy labels (those that are there are kept), lets them propose, simulates raters who answer the
tasks, aggregates their votes in several ways, and compares what comes of it with the true digits.
"""

import argparse
import contextlib
import csv
import io
import json
import pathlib
import subprocess
import sys

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # runs from a checkout that is not installed

from configs import aggregate as aggregate_config  # noqa: E402
from configs import propose as propose_config  # noqa: E402
from imagenet_real.builders import datasets  # noqa: E402
from imagenet_real.labels import analysis  # noqa: E402
from imagenet_real.labels.image_ids import match  # noqa: E402
from imagenet_real.labels.json_format import load_label_set  # noqa: E402
from imagenet_real.labels.label_set import LabelSet  # noqa: E402
from imagenet_real.predictions.predictions import load_predictions  # noqa: E402
from imagenet_real.programs import aggregate, propose  # noqa: E402
from imagenet_real.raters import synthetic  # noqa: E402
from imagenet_real.raters.votes import ANSWERS  # noqa: E402
from imagenet_real.report.layout import aligned  # noqa: E402
from imagenet_real.scoring.accuracy import accuracy, label_rank  # noqa: E402

IMAGES, SPLIT = "tfds:digit_scenes", "validation"
NETS = ((256, "softmax"), (512, "sigmoid"), (768, "softmax"), (256, "sigmoid"), (512, "softmax"), (768, "sigmoid"))
RATERS = 20  # beside one who always says yes, one who guesses and one who answers nothing
WAYS = (
    ("calibrated", {"method": "calibrated"}),
    ("calibrated, no original label", {"method": "calibrated", "original_classes": ()}),
    ("unsupervised", {"method": "unsupervised"}),
    ("majority", {"method": "majority", "threshold": 0.5}),
)


def train(workdir: pathlib.Path, tfds_dir: str) -> str:
    """Trains the nets that are not there; the glob of their predictions."""
    for seed, (steps, loss) in enumerate(NETS):
        folder = workdir / "nets" / f"{loss}_{steps}"
        if not (folder / "predictions.npz").exists():
            fields = {"loss": loss, "steps": steps, "seed": seed, "tfds_dir": tfds_dir}
            command = [sys.executable, "main.py", "--config=configs/train_digits.py", f"--workdir={folder}"]
            command += [f"--config.{name}={value}" for name, value in fields.items()]
            subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return str(workdir / "nets" / "*" / "predictions.npz")


def crowd(random: np.random.Generator) -> np.ndarray:
    """[R, 2, 3]: raters as they are, who see 80 to 97 % of what is there, and three who are of no use."""
    usual = [
        synthetic.matrix(random.uniform(0.8, 0.97), random.uniform(0.9, 0.99), random.uniform(0, 0.1))
        for _ in range(RATERS)
    ]
    return np.stack([*usual, synthetic.matrix(1.0, 0.0), np.full((2, 3), 1 / 3), np.full((2, 3), 1 / 3)])


def rate(folder: pathlib.Path, truth: LabelSet, random: np.random.Generator) -> None:
    """Writes votes.csv: what the raters answer to the tasks that they were given. The last rater answers nothing."""
    content = json.loads((folder / "tasks.json").read_text())
    right = {
        name: set(row[row >= 0].tolist()) for name, row in zip(truth.image_ids.tolist(), truth.labels, strict=True)
    }
    matrices = crowd(random)
    with (folder / "votes.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image_id", "class", "rater", "answer"])
        for (rater, numbers), matrix in zip(list(content["assignments"].items())[:-1], matrices, strict=False):
            for task in (content["tasks"][number] for number in numbers):
                for label in task["labels"]:
                    answer = random.choice(3, p=matrix[int(label in right[task["image_id"]])])
                    writer.writerow([task["image_id"], label, rater, ANSWERS[answer]])


def row_of(name: str, found: LabelSet, truth: LabelSet, rated: np.ndarray) -> list[str]:
    """How near a label set is to the truth: on all images, on those that were rated, and label by label."""
    at = match(truth.image_ids, found.image_ids)
    classes = np.arange(truth.num_classes)
    own, right = ((answers[:, :, None] == classes).any(axis=1) for answers in (found.labels[at], truth.labels))
    equal = (own == right).all(axis=1)
    shares = equal.mean(), equal[rated].mean(), (own & right).sum() / own.sum(), (own & right).sum() / right.sum()
    return [name, *(f"{share * 100:.1f}" for share in shares)]


def gain_row(path: pathlib.Path, label_sets_: list[LabelSet]) -> list[str]:
    model = load_predictions(path)
    cells = [path.parent.name]
    for label_set in label_sets_:
        rows = match(label_set.image_ids, model.image_ids)
        cells.append(f"{accuracy(label_rank(model.top[rows], label_set.labels) < 1, label_set.weight) * 100:.2f}")
    return cells


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workdir", type=pathlib.Path, required=True)
    parser.add_argument("--tfds-dir", default="")
    arguments = parser.parse_args()
    workdir = arguments.workdir.resolve()  # the nets are trained from the checkout's root
    folder, random = workdir / "rating", np.random.default_rng(0)
    predictions = train(workdir, arguments.tfds_dir)
    brought = datasets.of_images(IMAGES, SPLIT, arguments.tfds_dir).label_sets
    truth, original = brought["real"], brought["original"]

    dataset = {"images": IMAGES, "split": SPLIT, "tfds_dir": arguments.tfds_dir}
    config = propose_config.get_config()
    config.update(dataset | {"predictions": predictions, "gold": "real", "raters": RATERS + 3})
    told = io.StringIO()
    with contextlib.redirect_stdout(told):
        propose.run(config, folder)
    rate(folder, truth, random)

    asked = set(json.loads((folder / "proposals.json").read_text())["images"])
    rated = np.array([name in asked for name in truth.image_ids.tolist()])
    rows, found = [row_of("original", original, truth, rated)], {}
    for name, changes in WAYS:
        config = aggregate_config.get_config()
        files = {"votes": str(folder / "votes.csv"), "gold": str(folder / "gold.json")}
        config.update(dataset | files | {"original_classes": (0, 10), "name": name} | changes)
        out = folder / name.replace(" ", "_").replace(",", "")
        with contextlib.redirect_stdout(io.StringIO()):
            summary = aggregate.run(config, out)
        found[name] = load_label_set(out / "label_set.json")
        rows.append(row_of(name, found[name], truth, rated))
        if name == "calibrated":
            suspicious = [
                f"{row['rater']}: {'; '.join(row['suspicious'])}" for row in summary["raters"] if row["suspicious"]
            ]
            votes = summary["votes"]
    missed = analysis.agreement(found["calibrated"], truth)
    kept = set(truth.image_ids[~rated].tolist())
    gain = [
        gain_row(path, [original, found["calibrated"], truth])
        for path in sorted(folder.parent.glob("nets/*/predictions.npz"))
    ]
    lines = [
        "$ python bench/rating_circle.py --workdir=DIR",
        *told.getvalue().rstrip().splitlines(),
        f"{votes['votes']:,} votes of {votes['raters']} raters; answers {votes['answers']}",
        "",
        "Images whose labels are exactly the true ones, and precision and recall of the labels, in %",
        aligned(["labels", "images", "rated images", "precision", "recall"], rows),
        "",
        "Calibrated labels that are not the true ones, and how many of these images were not rated",
        aligned(
            ["they are", "images", "not rated"],
            [
                [kind, str(len(ids)), str(len(kept & set(ids.tolist())))]
                for kind, ids in missed.items()
                if kind != "equal"
            ],
        ),
        "",
        "Top-1 accuracy of the nets in %",
        aligned(["net", "original", "calibrated", "true"], gain),
        "",
        *suspicious,
    ]
    text = "\n".join(lines) + "\n"
    print(text, end="")
    (ROOT / "bench" / "results" / "rating_circle.txt").write_text(text)


if __name__ == "__main__":
    main()
