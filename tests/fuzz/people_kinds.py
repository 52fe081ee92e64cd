"""What people answer and judge: votes, tasks, mistakes, duplicates, and the database of the review pages."""

import json

import numpy as np

from tests.fuzz.kinds import Folder, Kind
from tests.fuzz.prediction_kinds import CLASSES, IDS, NAMES

ANSWERS = ("no", "maybe", "yes")


def _load_votes(path: Folder):
    from imagenet_real.raters.vote_files import has_votes, load_votes

    has_votes(path)
    return load_votes(path)


def _votes_npz(folder: Folder) -> Folder:
    tensor = np.zeros((4, 30, 3), np.int8)
    tensor[np.arange(4)[:, None], np.arange(30), np.arange(120).reshape(4, 30) % 3] = 1
    info = np.array([[IDS[n], str(n % CLASSES)] for n in range(30)])
    np.savez_compressed(folder / "votes.npz", tensor=tensor, info=info, ids=np.array(["a", "b", "c", "d"]))
    return folder / "votes.npz"


def _votes() -> list[dict]:
    return [
        {
            "image_id": IDS[n],
            "class": n % CLASSES,
            "rater": f"rater{rater}",
            "answer": ANSWERS[(n + rater) % 3],
            "seconds": 1.5,
        }
        for n in range(30)
        for rater in range(3)
    ]


def _votes_csv(folder: Folder) -> Folder:
    rows = [",".join(map(str, vote.values())) for vote in _votes()]
    (folder / "votes.csv").write_text("\n".join(["image_id,class,rater,answer,seconds", *rows]) + "\n")
    return folder / "votes.csv"


def _votes_json(folder: Folder) -> Folder:
    (folder / "votes.json").write_text(json.dumps({"schema": 1, "votes": _votes()}))
    return folder / "votes.json"


def _label_studio(folder: Folder) -> Folder:
    tasks = [
        {
            "id": number,
            "data": {
                "image_id": IDS[number],
                "image": "x",
                "labels": [{"class": 1, "name": "a"}, {"class": 2, "name": "b"}],
            },
            "annotations": [
                {
                    "completed_by": rater,
                    "was_cancelled": False,
                    "lead_time": 3.5,
                    "result": [
                        {
                            "type": "choices",
                            "from_name": f"answer_{place}",
                            "to_name": "x",
                            "value": {"choices": ["yes"]},
                        }
                        for place in range(2)
                    ],
                }
                for rater in (1, 2)
            ],
        }
        for number in range(10)
    ]
    (folder / "export.json").write_text(json.dumps(tasks))
    return folder / "export.json"


def _tasks(folder: Folder) -> Folder:
    tasks = [{"task": n, "image_id": IDS[n], "labels": [n % 5, 5 + n % 5], "gold": n % 4 == 0} for n in range(20)]
    content = {"schema": 1, "answers": ANSWERS, "raters_per_task": 2, "names": {str(n): NAMES[n] for n in range(10)}}
    content |= {"tasks": tasks, "assignments": {"rater001": list(range(20)), "rater002": [0, 1]}}
    (folder / "tasks.json").write_text(json.dumps(content))
    return folder / "tasks.json"


def _read_tasks(path: Folder):
    from imagenet_real.review_app.rating import Rating
    from imagenet_real.review_app.store import Store

    rating = Rating(path, Store(path.parent / "answers.db"))
    rating.image_ids()
    return rating.next("rater001")


def _mistakes(folder: Folder) -> Folder:
    items = [
        {
            "image_id": IDS[n],
            "predicted": 1,
            "right": [2, 3],
            "original": 2,
            "confidence": 0.5,
            "top": [1, 2],
            "top_scores": [0.5, 0.25],
            "guess": "Fine-grained error",
            "reason": "close",
            "agreeing": 1,
            "label_may_be_missing": False,
        }
        for n in range(20)
    ]
    content = {"schema": 1, "model": "resnet50", "label_set": "real", "mistakes": items, "provenance": {}}
    (folder / "mistakes.json").write_text(json.dumps(content))
    return folder / "mistakes.json"


def _read_mistakes(path: Folder):
    from imagenet_real.labels.classes import ClassSet
    from imagenet_real.labels.label_set import LabelSet
    from imagenet_real.review_app.classes import ClassFinder
    from imagenet_real.review_app.mistakes_file import read_mistakes
    from imagenet_real.review_app.review import Review, View
    from imagenet_real.review_app.store import Store

    labels = np.arange(len(IDS)) % CLASSES
    label_set = LabelSet("real", np.array(IDS), labels[:, None], np.ones(len(IDS)), labels, CLASSES)
    finder = ClassFinder(ClassSet(names=tuple(NAMES)), {}, "main")
    review = Review(read_mistakes(path), [label_set], finder, Store(path.parent / "answers.db"), 2)
    review.image_ids()
    return [review.step(View("Ada", state="all", category="Fine-grained error"), start, 1) for start in range(20)]


def _judged(folder: Folder) -> Folder:
    entry = {"top_prediction": 3, "failure category": "Fine-grained error", "failure severity": "Major"}
    (folder / "judged.json").write_text(json.dumps({f"{name}.JPEG": entry for name in IDS[:30]}))
    return folder / "judged.json"


def _read_judged(path: Folder):
    from imagenet_real.mistakes.judged import load_judged

    return load_judged(path).counts()


def _confused(folder: Folder) -> Folder:
    (folder / "pairs.json").write_text(json.dumps([[NAMES[n], NAMES[n + 1], 10 - n] for n in range(8)]))
    return folder / "pairs.json"


def _read_confused(path: Folder):
    from imagenet_real.mistakes.judged import load_confused_pairs

    return load_confused_pairs(path, {name: number for number, name in enumerate(NAMES)})


def _groups(folder: Folder) -> Folder:
    (folder / "clusters.json").write_text(
        json.dumps([{"classes": {str(n): NAMES[n], str(n + 1): NAMES[n + 1]}} for n in range(8)])
    )
    return folder / "clusters.json"


def _read_groups(path: Folder):
    from imagenet_real.mistakes.categories import load_groups

    return load_groups(path, CLASSES)


def _duplicates(folder: Folder) -> Folder:
    pairs = [
        {"image_id": name, "other": f"x{name}", "similarity": 0.9, "bits": None, "embedding": 0.5} for name in IDS[:20]
    ]
    (folder / "duplicates.json").write_text(
        json.dumps({"schema": 1, "images": 60, "others": 60, "pairs": pairs, "provenance": {}})
    )
    return folder / "duplicates.json"


def _read_duplicates(path: Folder):
    from imagenet_real.review_app.pairs import Pairs
    from imagenet_real.review_app.store import Store

    pairs = Pairs(path, Store(path.parent / "answers.db"))
    pairs.image_ids()
    return pairs.next("Ada", 0)


def _read_confirmed(path: Folder):
    from imagenet_real.duplicates.candidates import load_confirmed

    return load_confirmed(str(path))


def _database(folder: Folder) -> Folder:
    from imagenet_real.review_app.store import Store

    store = Store(folder / "answers.db")
    store.belongs_to("mistakes.json", "0" * 64)
    for number, name in enumerate(IDS[:20]):
        store.add_verdict(f"key{number}", name, "Ada", False, {"prediction": "correct"})
        store.put_votes(number, "Bob", {1: "yes", 2: "no"}, [1.0, 2.0])
    store.close()
    return folder / "answers.db"


def _read_database(path: Folder):
    from imagenet_real.review_app.store import Store

    store = Store(path)
    try:
        store.belongs_to("mistakes.json", "0" * 64)
        return store.verdicts(), store.votes()
    finally:
        store.close()


AGGREGATE = ("aggregate", "--votes=FILE", "--workdir=WORKDIR")
KINDS = (
    Kind("people: votes.npz", "npz", _votes_npz, _load_votes, AGGREGATE),
    Kind("people: votes.csv", "csv", _votes_csv, _load_votes, AGGREGATE),
    Kind("people: votes.json", "json", _votes_json, _load_votes, AGGREGATE),
    Kind("people: Label Studio", "json", _label_studio, _load_votes),
    Kind("people: tasks.json", "json", _tasks, _read_tasks),
    Kind("people: mistakes.json", "json", _mistakes, _read_mistakes),
    Kind("people: judged mistakes", "json", _judged, _read_judged),
    Kind("people: confused pairs", "json", _confused, _read_confused),
    Kind("people: groups of classes", "json", _groups, _read_groups),
    Kind("people: duplicates.json", "json", _duplicates, _read_duplicates),
    Kind("people: confirmed.json", "json", _duplicates, _read_confirmed),
    Kind("people: database", "sqlite", _database, _read_database),
)
