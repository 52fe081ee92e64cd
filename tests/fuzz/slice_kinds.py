"""Tables of labels and attributes, annotations of ImageNet's images, labels of other images, and crowd labels."""

import json

import numpy as np
from etils import epath

from tests.fuzz.kinds import Folder, Kind
from tests.fuzz.label_kinds import write_class_info
from tests.fuzz.prediction_kinds import NAMES


def _validation(number: int) -> str:
    return f"ILSVRC2012_val_{number:08d}.JPEG"


def _label_table(folder: Folder) -> Folder:
    rows = [f'{n:03d}.jpg,"{NAMES[n % len(NAMES)]}|{NAMES[(n + 1) % len(NAMES)]}"' for n in range(60)]
    (folder / "labels.csv").write_text("\n".join(["image_id,label", *rows]) + "\n")
    return folder / "labels.csv"


def _label_lines(folder: Folder) -> Folder:
    lines = [json.dumps({"image": _validation(n + 1), "labels": [n, n + 1]}) for n in range(60)]
    (folder / "labels.jsonl").write_text("\n".join(lines) + "\n")
    return folder / "labels.jsonl"


def _read_label_table(path: Folder):
    from imagenet_real.labels.label_tables import load_label_table

    return load_label_table(path, NAMES if path.suffix == ".csv" else [f"class {n}" for n in range(1000)])


def _fiftyone(folder: Folder) -> Folder:
    samples = [
        {"filepath": f"data/{n}.jpg", "ground_truth": {"_cls": "Classification", "label": str(n)}} for n in range(40)
    ]
    write_class_info(folder)
    (folder / "samples.json").write_text(json.dumps({"samples": samples}))
    return folder / "samples.json"


def _read_label_set(path: Folder):
    from imagenet_real.labels.json_format import load_label_set
    from imagenet_real.labels.store import LabelStore

    return load_label_set(path, LabelStore(path.parent))


def _attributes(folder: Folder) -> Folder:
    rows = [f"{n:03d},{'day' if n % 2 else 'night'},{n / 7},{n % 3},a;b" for n in range(80)]
    (folder / "attributes.csv").write_text("\n".join(["image_id,light,size,count,tags", *rows]) + "\n")
    return folder / "attributes.csv"


def _read_attributes(path: Folder):
    from imagenet_real.labels.attribute_tables import load_attributes

    return load_attributes(path)


def _imagenet_x(folder: Folder) -> Folder:
    (folder / "imagenet_x").mkdir()
    lines = [{"file_name": _validation(n + 1), "class": n, "pose": n % 2, "color": int(n % 3 == 0)} for n in range(80)]
    path = folder / "imagenet_x" / "imagenet_x_val_top_factor.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    (folder / "imagenet_x" / "prototypical_paths.csv").write_text(f"file_name\n{_validation(3)}\n")
    return path


def _read_imagenet_x(path: Folder):
    from imagenet_real.labels import imagenet_x
    from imagenet_real.labels.store import LabelStore

    return imagenet_x.attribute("imagenet_x", LabelStore(path.parent.parent))


def _reimagenet(folder: Folder) -> Folder:
    from tests.labels import reimagenet_file

    return reimagenet_file.write(folder, reimagenet_file.entries(seed=0, images=120))


def _class_updates(folder: Folder) -> Folder:
    return _reimagenet(folder).parent / "class_update_config.json"


def _read_reimagenet(path: Folder):
    from imagenet_real.labels import reimagenet

    annotations = epath.Path(path.parent / "reannotation.jsonl")
    return reimagenet.labels(annotations), reimagenet.attribute(annotations)


def _refined(folder: Folder) -> Folder:
    content = {f"{n:040x}.jpeg": [str(n), str(n + 1)] for n in range(60)}
    (folder / "imagenetv2_refined_labels.json").write_text(json.dumps(content))
    return folder / "imagenetv2_refined_labels.json"


def _read_refined(path: Folder):
    from imagenet_real.labels import other_images
    from imagenet_real.labels.store import LabelStore

    images = other_images.OtherImages(np.array([f"{n}/{n:040x}" for n in range(60)]))
    return other_images.make("imagenet_v2_refined", images, LabelStore(path.parent))


def _wnids(folder: Folder) -> Folder:
    from imagenet_real.labels.imagenet import imagenet_wnids

    (folder / "imagenet_a_wnids.txt").write_text("\n".join(imagenet_wnids()[:200]) + "\n")
    return folder / "imagenet_a_wnids.txt"


def _read_wnids(path: Folder):
    from imagenet_real.labels import other_images
    from imagenet_real.labels.imagenet import imagenet_wnids
    from imagenet_real.labels.store import LabelStore

    images = other_images.OtherImages(np.array([f"{imagenet_wnids()[0]}/{n}" for n in range(5)]))
    return other_images.make("imagenet_a", images, LabelStore(path.parent))


def _boxes(folder: Folder) -> Folder:
    rows = [f"ILSVRC2012_val_{n + 1:08d},n01440764 {n} 1 {n + 30} 272 n01440764 0 0 9 9 " for n in range(60)]
    (folder / "LOC_val_solution.csv").write_text("\n".join(["ImageId,PredictionString", *rows]) + "\n")
    return folder / "LOC_val_solution.csv"


def _read_boxes(path: Folder):
    from imagenet_real.labels import boxes

    return boxes.size(epath.Path(path))


def _crowd(folder: Folder) -> Folder:
    rows = [f"{n // 3:03d},worker {n % 3},{n % 7}" for n in range(90)]
    (folder / "crowd.csv").write_text("\n".join(["task,worker,label", *rows]) + "\n")
    return folder / "crowd.csv"


def _read_crowd(path: Folder):
    from imagenet_real.raters.vote_files import load_votes

    return load_votes(path, [f"class {n}" for n in range(7)])


KINDS = (
    Kind("slices: label table", "csv", _label_table, _read_label_table),
    Kind("slices: lines of labels", "jsonl", _label_lines, _read_label_table),
    Kind("slices: FiftyOne", "json", _fiftyone, _read_label_set),
    Kind("slices: attributes", "csv", _attributes, _read_attributes),
    Kind("slices: ImageNet-X", "jsonl", _imagenet_x, _read_imagenet_x),
    Kind("slices: ReImageNet", "jsonl", _reimagenet, _read_reimagenet),
    Kind("slices: equivalent classes", "json", _class_updates, _read_reimagenet),
    Kind("slices: refined labels", "json", _refined, _read_refined),
    Kind("slices: classes of ImageNet-A", "lines", _wnids, _read_wnids),
    Kind("slices: boxes", "csv", _boxes, _read_boxes),
    Kind("slices: crowd labels", "csv", _crowd, _read_crowd),
)
