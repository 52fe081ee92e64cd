"""What users bring of their own: class maps, labels of images, tables, exports, shards."""

import contextlib
import io
import json
import tarfile

from tests.fuzz.data_kinds import picture
from tests.fuzz.kinds import Folder, Kind
from tests.fuzz.prediction_kinds import CLASSES, IDS, NAMES, tops

LABELS = [NAMES[label] for (label,) in tops(1).tolist()]


def _text(name: str, lines: list[str]):
    def make(folder: Folder) -> Folder:
        (folder / name).write_text("\n".join(lines) + "\n")
        return folder / name

    return make


def _class_map_json(folder: Folder) -> Folder:
    content = {**{f"folder {n}": n for n in range(CLASSES)}, "several": [1, 2], "none": None}
    (folder / "map.json").write_text(json.dumps(content))
    return folder / "map.json"


def _read_class_map(path: Folder):
    from imagenet_real.labels.class_map import load_class_map

    return load_class_map(path, NAMES).find("folder 3")


def _read_image_labels(path: Folder):
    from imagenet_real.labels.image_labels import load_image_labels

    return load_image_labels(path, tuple(NAMES))


def _read_table(path: Folder):
    from imagenet_real.labels.label_tables import load_label_table

    return load_label_table(path, NAMES)


def _fiftyone(folder: Folder) -> Folder:
    labels = {f"data/{name}": number % CLASSES for number, name in enumerate(IDS)}
    (folder / "labels.json").write_text(json.dumps({"classes": NAMES, "labels": labels}))
    return folder / "labels.json"


def _fiftyone_samples(folder: Folder) -> Folder:
    samples = [
        {
            "filepath": f"data/{name}.jpg",
            "tags": [],
            "ground_truth": {"_cls": "Classification", "label": str(n % CLASSES)},
        }
        for n, name in enumerate(IDS)
    ]
    (folder / "samples.json").write_text(json.dumps({"samples": samples}))
    return folder / "samples.json"


def _read_label_set(path: Folder):
    from imagenet_real.labels.json_format import load_label_set

    return load_label_set(path)


def _read_attributes(path: Folder):
    from imagenet_real.labels.attribute_tables import load_attributes

    return load_attributes(path)


def _read_answers(path: Folder):
    from imagenet_real.predictions.predictions import load_predictions

    return load_predictions(path, NAMES)


def _journal(folder: Folder) -> Folder:
    from imagenet_real.review_app.store import Store

    store = Store(folder / "answers.db")
    store.belongs_to("mistakes.json", "0" * 64)
    for number, name in enumerate(IDS[:20]):
        store.add_verdict(f"key{number}", name, "Ada", False, {"prediction": "correct"})
    store.close()
    return next(path for path in folder.iterdir() if path.suffix not in (".db", ".db-wal", ".db-shm"))


def _read_journal(path: Folder):
    from imagenet_real.review_app.store import Store

    store = Store(path.parent / "answers.db")
    try:
        return store.verdicts()
    finally:
        store.close()


def _webdataset(folder: Folder) -> Folder:
    with tarfile.open(folder / "shard.tar", "w") as tar:
        for number in range(6):
            note = json.dumps({"label": number % 2}).encode()
            for ending, content in (("jpg", picture("jpg", number)), ("cls", b"%d" % (number % 2)), ("json", note)):
                member = tarfile.TarInfo(f"sample{number}.{ending}")
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    return folder / "shard.tar"


def _parquet(folder: Folder) -> Folder:
    import pyarrow as pa
    import pyarrow.parquet as pq

    images = [{"bytes": picture("jpg", number), "path": f"a{number}.jpg"} for number in range(6)]
    pq.write_table(pa.table({"image": images, "label": [0, 1] * 3}), folder / "images.parquet")
    return folder / "images.parquet"


def _read_source(path: Folder):
    from imagenet_real.data.sources.open import open_source
    from imagenet_real.data.sources.records import UnreadableRecord, label_sets_of

    source = open_source(str(path))
    label_sets_of(source)
    for index in range(len(source)):
        with contextlib.suppress(UnreadableRecord):
            source[index]


TABLE = ["image_id,label,weight", *(f"{name},{label},1" for name, label in zip(IDS, LABELS, strict=True))]
ATTRIBUTES = ["image_id,light,size", *(f"{name},{'day' if n % 2 else 'night'},{n}.5" for n, name in enumerate(IDS))]
ANSWERS = [json.dumps({"image_id": name, "answer": f"I see {label}."}) for name, label in zip(IDS, LABELS, strict=True)]
KINDS = (
    Kind("own: class map", "json", _class_map_json, _read_class_map),
    Kind(
        "own: class map csv",
        "csv",
        _text("map.csv", ["folder,class", *(f"f{n},{n}" for n in range(9))]),
        _read_class_map,
    ),
    Kind(
        "own: labels of images",
        "lines",
        _text("labels.txt", [f"{i}.jpg {n % 12}" for n, i in enumerate(IDS)]),
        _read_image_labels,
    ),
    Kind("own: label table", "csv", _text("mine.csv", TABLE), _read_table),
    Kind("own: FiftyOne", "json", _fiftyone, _read_label_set),
    Kind("own: FiftyOne samples", "json", _fiftyone_samples, _read_label_set),
    Kind("own: attributes", "csv", _text("attributes.csv", ATTRIBUTES), _read_attributes),
    Kind("own: answers in words", "jsonl", _text("answers.jsonl", ANSWERS), _read_answers),
    Kind("people: journal", "lines", _journal, _read_journal),
    Kind("images: WebDataset", "tar", _webdataset, _read_source),
    Kind("images: Parquet", "bytes", _parquet, _read_source),
)
