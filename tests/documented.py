"""The commands in README.md and docs/, and small files under the names that they use."""

import json
import pathlib
import re
import shlex

import numpy as np
import safetensors.numpy
from flax import nnx

from imagenet_real.data.digit_scenes import digits
from imagenet_real.labels.imagenet import imagenet_wnids, validation_ids, validation_labels
from imagenet_real.models.model_spec import ModelSpec, PretrainedWeights
from tests import ROOT
from tests.data.pictures import picture, validation_name, write_folder, write_tar

DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
VERBS = ("imagenet-real", "python", "make", "pip", "srun", "gcloud")
FENCED = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
INLINE = re.compile(rf"`((?:{'|'.join(VERBS)})\s[^`]+)`")
HASH = "\0"
PICTURES = 12  # of the validation set; the model of FILE.npz errs on these alone


def commands(document: pathlib.Path, heading: str = "") -> list[str]:
    """The commands in a document, or below a heading of it, a line each without comments, those in running text last."""
    text = document.read_text(encoding="utf-8")
    if heading:
        (text,) = re.findall(
            rf"^#+ {re.escape(heading)}\n(.*?)(?=^#+ |\Z)", FENCED.sub(_hidden, text), re.DOTALL | re.M
        )
        text = text.replace(HASH, "#")
    lines = [line for language, block in FENCED.findall(text) if not language for line in _logical_lines(block)]
    lines += [" ".join(found.split()) for found in INLINE.findall(FENCED.sub("", text))]
    return [part.strip() for line in lines if line.startswith(VERBS) for part in _parts(line)]


def _hidden(block: re.Match) -> str:
    """A block of code whose comments are no headings."""
    return block[0].replace("#", HASH)


def _logical_lines(block: str) -> list[str]:
    """Lines that end in a backslash go on in the next one, and so do open quotes and what is read up to END."""
    block = re.sub(r"<<'END'\n.*?^END$", "<<END", block, flags=re.DOTALL | re.MULTILINE)
    lines, open_line = [], ""
    for line in block.replace("\\\n", " ").splitlines():
        open_line = f"{open_line} {line}" if open_line else line
        if open_line.count("'") % 2 == 0 or not open_line.startswith(VERBS):
            lines.append(re.sub(r"\s+# .*", "", open_line))
            open_line = ""
    return lines


def _parts(line: str) -> list[str]:
    return [line] if line.startswith(("gcloud", "srun")) else line.split(" && ")


def python_blocks(document: pathlib.Path) -> list[str]:
    """The Python code in a document, also what a command reads up to END."""
    text = document.read_text(encoding="utf-8")
    named = [block for language, block in FENCED.findall(text) if language == "python"]
    return named + re.findall(r"<<'END'\n(.*?)^END$", text, re.DOTALL | re.MULTILINE)


def program_arguments(command: str) -> list[str] | None:
    """Returns the arguments of `imagenet-real` in a command, also if another command starts it; else None."""
    match = re.search(r"imagenet-real (.*)", command)
    if not match or re.fullmatch(r"imagenet-real( --help)?", command):
        return None
    is_quoted = command.count("'", 0, match.start()) % 2  # the quotes that it stands in also end it
    words = shlex.split((match[1].rstrip("' ") if is_quoted else match[1]).partition(" | ")[0])
    fields = (word.removeprefix("--") for word in words[1:] if word != "...")
    plain = ("help", "workdir")
    return [
        f"--config=configs/{words[0]}.py",
        *(f"--{field}" if field.partition("=")[0] in plain else f"--config.{field}" for field in fields),
    ]


class Mean(nnx.Module):
    """In the place of every model: logits by the mean colour."""

    def __init__(self, *, num_classes, dtype, rngs, drop_path=0.0):  # of its blocks, of which it has none
        self.head = nnx.Linear(3, num_classes, rngs=rngs)

    def __call__(self, images):
        return self.head(images.mean(axis=(1, 2)))


PREPROCESSING = {"resize": 0, "crop": 8, "interpolation": "bilinear", "mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)}
STAND_IN = ModelSpec(Mean, {}, parameters=4000, weights={"": PretrainedWeights(PREPROCESSING)})


def write_world(folder: pathlib.Path) -> None:
    """Small files under the names that commands use.

    - ILSVRC2012_img_val.tar, and the folder `validation`: the first pictures of the validation set.
    - FOLDER, VALIDATION: pictures in the folders cats and dogs. mine.json and mine.npz: labels of them, and predictions.
    - predictions/*.npz, resnet50.npz, FILE.npz: predictions of all 50,000 images, the last one wrong on few of them.
    - answers.jsonl: answers in words about some validation images.
    - imagenet_v2/resnet50.npz: predictions of some images of ImageNet-V2.
    - labels: ReaL's, ImageNet-X's and the multi-label files, names of the classes, and a hierarchy, in the published formats.
    - FILE and FILE.safetensors: weights of the stand-in. my_models.py: the model of the documents. fnames_clean.txt.
    """
    write_tar(folder / "ILSVRC2012_img_val.tar", write_folder(folder / "validation", range(1, PICTURES + 1)))
    _write_own(folder)
    _write_predictions(folder)
    write_labels(folder / "labels")
    weights = {"head.weight": np.eye(1000, 3, dtype=np.float32), "head.bias": np.zeros(1000, np.float32)}
    for name in ("FILE", "FILE.safetensors"):
        safetensors.numpy.save_file(weights, folder / name)
    (model,) = [block for block in python_blocks(ROOT / "docs" / "bring_your_own.md") if "# my_models.py" in block]
    (folder / "my_models.py").write_text(f"{model}\n\ndef resnet(weights):\n    return linear()\n")
    (net,) = [block for block in python_blocks(ROOT / "docs" / "training.md") if "# my_nets.py" in block]
    (folder / "my_nets.py").write_text(net)


def _write_own(folder: pathlib.Path) -> None:
    images = {}
    for number, name in enumerate(("cats", "dogs")):
        for at in range(1, 7):
            image_id = f"{name}/{at:03d}"
            images[image_id] = {"correct": [number], "group": number}
            for root in ("FOLDER", "VALIDATION"):
                (folder / root / name).mkdir(parents=True, exist_ok=True)
                (folder / root / f"{image_id}.jpg").write_bytes(picture(10 * number + at))
    content = {"schema": 1, "name": "mine", "classes": 2, "images": images}
    (folder / "mine.json").write_text(json.dumps(content))
    top = np.array([[0, 1]] * 5 + [[1, 0]] * 7)  # one mistake
    np.savez(folder / "mine.npz", image_ids=np.array(list(images)), top=top)


def _write_predictions(folder: pathlib.Path) -> None:
    labels, random = validation_labels(), np.random.default_rng(0)
    (folder / "predictions").mkdir()
    for name, wrong in (("one", 0.3), ("two", 0.35), ("three", 0.4), ("../resnet50", 0.25), ("../FILE", 0.0)):
        near = (labels + random.integers(1, 4, len(labels))) % 1000
        right = random.random(len(labels)) >= wrong
        right[:PICTURES] &= name != "../FILE"
        first, second = np.where(right, labels, near), np.where(right, near, labels)
        others = [(first + step) % 1000 for step in (100, 200, 300)]
        path = folder / "predictions" / f"{name}.npz"
        np.savez(path, image_ids=validation_ids(), top=np.stack([first, second, *others], axis=1))
    (folder / "imagenet_v2").mkdir()
    ids = np.array([f"{at}/{at:040x}" for at in range(100)])
    top = (np.arange(100)[:, None] + np.arange(5) + (np.arange(100)[:, None] % 3 == 0)) % 1000
    np.savez(folder / "imagenet_v2" / "resnet50.npz", image_ids=ids, top=top)


def write_labels(folder: pathlib.Path) -> None:
    (folder / "imagenet_x").mkdir(parents=True)
    factors = [{"pose": at % 2, "color": int(at % 3 == 0)} for at in range(200)]
    lines = [json.dumps({"file_name": validation_name(at + 1), "class": 0} | row) for at, row in enumerate(factors)]
    (folder / "imagenet_x" / "imagenet_x_val_top_factor.jsonl").write_text("\n".join(lines))
    (folder / "imagenet_x" / "prototypical_paths.csv").write_text(f"file_name\n{validation_name(1)}\n")
    ids, labels = validation_ids(), validation_labels()
    real = [[int(label)] for label in labels]
    real[100], real[101], real[102] = [], [(real[101][0] + 1) % 1000], [*real[102], (real[102][0] + 2) % 1000]
    (folder / "real.json").write_text(json.dumps(real))
    pairs = [[f"{ids[row]}.JPEG", str(label)] for row in (101, 102) for label in real[row]]
    np.savez(folder / "scores.npz", tensor=np.array([0.9, 0.9, 0.6]), info=np.array(pairs))
    header = "id,category,original_label,proposed_labels,manually_validated,unclear_multi_labels,wrong_multi_labels,"
    rows = [f"{validation_name(n)},M,{label},{label},True,,,False" for n, label in enumerate(labels[:200], start=1)]
    (folder / "multilabel.csv").write_text("\n".join([f"{header}is_problematic", *rows]) + "\n")
    names = [{"cid": at, "synset": [f"thing {at}"], "gloss": ""} for at in range(1000)]
    (folder / "class_info.json").write_text(json.dumps(names))
    answers = [{"image_id": str(ids[at]), "answer": f"I see a thing {labels[at]}."} for at in range(60)]
    (folder.parent / "answers.jsonl").write_text("".join(json.dumps(line) + "\n" for line in answers))
    (folder / "wordnet_is_a.txt").write_text("\n".join(f"n00000000 {wnid}" for wnid in imagenet_wnids()) + "\n")


def write_scenes(folder: pathlib.Path) -> str:
    """A small `digit_scenes`, and its name in a command."""
    place = digits.prepare_digit_scenes(str(folder), train_scenes=80, validation_scenes=40)
    return f"tfds:digit_scenes/{place.parent.name}"
