"""Label sets, the published files of ImageNet's labels, classes and lists of images."""

import json

import numpy as np
from etils import epath

from tests.fuzz.kinds import Folder, Kind
from tests.fuzz.prediction_kinds import CLASSES, IDS, NAMES, write_csv


def _label_set(folder: Folder) -> Folder:
    write_csv(folder)
    return folder / "labels.json"


def _load_label_set(path: Folder):
    from imagenet_real.labels.json_format import load_label_set

    return load_label_set(path)


def _real(folder: Folder) -> Folder:
    rows = [[number % 1000] if number % 7 else [] for number in range(50_000)]
    (folder / "real.json").write_text(json.dumps(rows))
    return folder / "real.json"


def _read_real(path: Folder):
    from imagenet_real.labels import readers

    return readers.real(epath.Path(path))


def _scores(folder: Folder) -> Folder:
    info = np.array([[f"ILSVRC2012_val_{1 + number:08d}.JPEG", str(number % 1000)] for number in range(300)])
    np.savez_compressed(folder / "scores.npz", tensor=np.linspace(0, 1, 300), info=info)
    return folder / "scores.npz"


def _read_scores(path: Folder):
    from imagenet_real.labels import readers

    return readers.real_at(epath.Path(path), 0.5)


COLUMNS = "id,category,original_label,proposed_labels,manually_validated,unclear_multi_labels,wrong_multi_labels,is_problematic"


def _multilabel(folder: Folder) -> Folder:
    rows = [f'ILSVRC2012_val_{1 + n:08d},cat,{n},"{n},{n + 1}",True,"{n + 2}",,{n % 9 == 0}' for n in range(200)]
    (folder / "multilabel.csv").write_text("\n".join([COLUMNS, *rows]) + "\n")
    return folder / "multilabel.csv"


def _read_multilabel(path: Folder):
    from imagenet_real.labels import readers

    return readers.multilabel(epath.Path(path))


def _human_accuracy(folder: Folder) -> Folder:
    from imagenet_real.labels import imagenet

    wnids, names = imagenet.imagenet_wnids(), [f"ILSVRC2012_val_{1 + number:08d}.JPEG" for number in range(100)]
    annotations = {
        name: {"correct": [wnids[n]], "wrong": [wnids[n + 1]], "unclear": [wnids[n + 2]]}
        for n, name in enumerate(names)
    }
    content = {"initial_annots": annotations, "problematic_images": {names[3]: 1}, "imagenet_m": names[10:20]}
    (folder / "human_accuracy_v3.0.0.json").write_text(json.dumps(content))
    return folder / "human_accuracy_v3.0.0.json"


def _read_human_accuracy(path: Folder):
    from imagenet_real.labels import readers

    return readers.imagenet_m(epath.Path(path))


def write_class_info(folder: Folder) -> Folder:
    """Writes names of ImageNet's classes."""
    from imagenet_real.labels.imagenet import imagenet_wnids

    rows = [
        {"cid": n, "wnid": wnid, "synset": [f"name {n}", "other"], "gloss": "a thing"}
        for n, wnid in enumerate(imagenet_wnids())
    ]
    (folder / "class_info.json").write_text(json.dumps(rows))
    return folder / "class_info.json"


def _read_class_info(path: Folder):
    from imagenet_real.labels.spellings import load_class_info

    names, meanings = load_class_info(path)
    return [", ".join(synonyms[:2]) for synonyms in names], [f"{meaning}." for meaning in meanings]


def _hierarchy(folder: Folder) -> Folder:
    edges = [f"root {name.replace(' ', '_')}" for name in NAMES] + ["thing root"]
    (folder / "is_a.txt").write_text("\n".join(edges) + "\n")
    return folder / "is_a.txt"


def _read_hierarchy(path: Folder):
    from imagenet_real.labels.hierarchy import load_paths

    return load_paths(path, [name.replace(" ", "_") for name in NAMES])


def _names(folder: Folder) -> Folder:
    (folder / "names.txt").write_text("\n".join(NAMES) + "\n")
    return folder / "names.txt"


def _read_names(path: Folder):
    from imagenet_real.builders.class_sets import with_names
    from imagenet_real.labels.classes import ClassSet

    return with_names(ClassSet(names=tuple(map(str, range(CLASSES)))), str(path))


def _image_list(folder: Folder) -> Folder:
    (folder / "clean_ids.txt").write_text("\n".join(IDS) + "\n")
    return folder / "clean_ids.txt"


def _read_image_list(path: Folder):
    from imagenet_real.labels import image_lists

    return image_lists.load(path)


def _models(folder: Folder) -> Folder:
    rows = [f"model{n},224,{50 + n}.125,{50 - n}.875,90.5,9.5,5.72,bicubic" for n in range(30)]
    header = "model,img_size,top1,top1_err,top5,top5_err,param_count,interpolation"
    (folder / "results-imagenet.csv").write_text("\n".join([header, *rows]) + "\n")
    return folder / "results-imagenet.csv"


def _read_models(path: Folder):
    from imagenet_real.scoring import published_models

    return published_models.load_folder(path.parent)


SCORE = ("score", "--predictions=FOLDER/model.csv", "--label_sets=FILE", "--workdir=WORKDIR")
KINDS = (
    Kind("labels: label set", "json", _label_set, _load_label_set, SCORE, names=("label set mine",)),
    Kind("labels: real.json", "json", _real, _read_real),
    Kind("labels: ReaL's scores.npz", "npz", _scores, _read_scores),
    Kind("labels: multilabel.csv", "csv", _multilabel, _read_multilabel),
    Kind("labels: human_accuracy.json", "json", _human_accuracy, _read_human_accuracy),
    Kind("classes: class_info.json", "json", write_class_info, _read_class_info),
    Kind("classes: hierarchy", "lines", _hierarchy, _read_hierarchy),
    Kind("classes: names", "lines", _names, _read_names),
    Kind("labels: timm's tables", "csv", _models, _read_models),
    Kind("images: list", "lines", _image_list, _read_image_list),
)
