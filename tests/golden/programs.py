"""The recorded commands of each program. They run as on the command line, without a network."""

import contextlib
import dataclasses
import functools
import json
import os
import pathlib
import re
import signal
import socket
import urllib.request

from tests import commands, xla
from tests.campaigns import faults
from tests.golden import inputs, outputs

TINY_MODEL = "tests.programs.tiny_model"  # main.py with a model that is compiled in a moment
XLA_FLAGS = ("--xla_force_host_platform_device_count=1", "--xla_cpu_multi_thread_eigen=false")
XLA_FLAGS += xla.FLAGS
SECONDS = 300  # of the longest command

PIXELS = {"resize": 0, "crop": 12, "interpolation": "bilinear", "mean": "(0.5,0.5,0.5)", "std": "(0.5,0.5,0.5)"}
OWN_MODEL = {"model": "tests.golden.models:colors", "batch_size": 4, **PIXELS}
LABELS = {"label_set": "INPUTS/labels/real.json", "class_names": "INPUTS/names.txt", "hierarchy": "INPUTS/is_a.txt"}
MISTAKES = {**LABELS, "predictions": "INPUTS/models/model1.npz", "others": "INPUTS/models/*.npz"}
TRAINING = {
    "images": "INPUTS/train",
    "validation_images": "INPUTS/validation",
    "select_split": "",
    "model": "tiny",
    "crop": 12,
    "augmentation.shift": 1,
    "batch_size": 8,
    "steps": 10,
    "warmup_steps": 2,
    "learning_rate": 0.03,
    "log_every": 5,
    "checkpoint_every": 10,
    "report": False,
}
ALL_LABEL_SETS = "INPUTS/labels/original.json,INPUTS/labels/real.json,INPUTS/labels/weighted.json"


@dataclasses.dataclass(frozen=True)
class Command:
    """One run of a program. In its fields INPUTS and OUTPUTS stand for folders."""

    name: str  # of its workdir, below that of the program
    config: str
    fields: dict
    shown: str = ""  # the field that names what people judge on the page that it serves


PROGRAMS = {
    "aggregate": [
        Command(
            "calibrated",
            "aggregate",
            {
                "votes": "INPUTS/votes.csv",
                "gold": "INPUTS/gold.csv",
                "original": "INPUTS/labels/original.json",
                "original_classes": "(0,3)",
            },
        ),
        Command(
            "majority",
            "aggregate",
            {
                "votes": "INPUTS/votes.csv",
                "original": "INPUTS/labels/original.json",
                "method": "majority",
                "threshold": 0.5,
                "original_classes": "()",
            },
        ),
        Command(
            "unsupervised",
            "aggregate",
            {
                "votes": "INPUTS/votes.csv",
                "gold": "INPUTS/labels/real.json",
                "original": "INPUTS/labels/original.json",
                "method": "unsupervised",
                "original_classes": "()",
                "format": "json",
            },
        ),
    ],
    "clean": [
        Command("folds", "clean_digits", {**TRAINING, "folds": 2}),
        Command("predictions", "clean_digits", {**TRAINING, "predictions": "INPUTS/train_predictions.npz"}),
    ],
    "compare": [
        Command(
            "all_and_clean",
            "demo",
            {
                **{name: value for name, value in TRAINING.items() if name != "steps"},
                "data": "('all','clean')",
                "losses": "('sigmoid',)",
                "lengths.brief": 6,
                "clean_list": "INPUTS/clean.txt",
                "jobs": 2,
            },
        ),
    ],
    "duplicates": [
        Command("search", "duplicates", {"images": "INPUTS/own", "others": "INPUTS/others", "workers": 1}),
        Command(
            "without",
            "duplicates",
            {
                "confirmed": "INPUTS/confirmed.json",
                "label_set": "INPUTS/own.json",
                "predictions": "INPUTS/own_predictions.npz",
            },
        ),
    ],
    "evaluate": [
        Command(
            "folder",
            "evaluate",
            {
                **OWN_MODEL,
                "images": "INPUTS/validation",
                "save_scores": True,
                "ks": "(1,2)",
                "export": "per_image.csv,per_image.parquet,cleanlab,tensorboard,timm",
            },
        ),
        Command(
            "dataset",
            "evaluate",
            {
                **OWN_MODEL,
                "images": "tfds:colors:1.0.0",
                "split": "validation",
                "tfds_dir": "OUTPUTS/prepare/dataset",
                "ks": "(1,)",
                "report": False,
                "format": "json",
            },
        ),
    ],
    "label_errors": [
        Command(
            "convnext",
            "label_errors",
            {
                "images": "INPUTS/imagenet/images",
                "weights": "INPUTS/imagenet/weights",
                "labels_dir": "INPUTS/imagenet/labels",
                "resize": 0,
                "crop": 32,
                "batch_size": 12,
                "report": False,
            },
        ),
    ],
    "label_maps": [
        Command(
            "maps",
            "label_maps",
            {
                "label_maps": "OUTPUTS/relabel/own_model",
                "images": "INPUTS/train",
                "predictions": "INPUTS/train_predictions.npz",
                "boxes": "INPUTS/boxes.csv",
                "crops": 4,
                "pictures": 2,
            },
        ),
    ],
    "labels": [
        Command(
            "table",
            "labels",
            {
                "label_set": "INPUTS/labels/real.json",
                "original": "INPUTS/labels/original.json",
                "against": "INPUTS/labels/original.json,INPUTS/labels/weighted.json",
                "predictions": "INPUTS/models/*.npz",
                "class_names": "INPUTS/names.txt",
            },
        ),
        Command(
            "json",
            "labels",
            {"label_set": "INPUTS/labels/weighted.json", "against": "INPUTS/labels/real.json", "format": "json"},
        ),
    ],
    "mistakes": [
        Command("model", "mistakes", {**MISTAKES, "groups": "INPUTS/groups.json"}),
        Command(
            "judged",
            "mistakes",
            {
                **LABELS,
                "judged": "INPUTS/judged/first.json,INPUTS/judged/second.json",
                "others": "INPUTS/models/*.npz",
                "missed_by": 1,
            },
        ),
    ],
    "models": [
        Command("operations", "models", {"models": "vit_tiny*"}),
        Command("names", "models", {"models": "resnet50*,convnext_tiny*", "operations": False, "format": "json"}),
    ],
    "class_embeddings": [
        Command(
            "colors",
            "class_embeddings",
            {
                "model": "vit_base_patch32_clip_224",
                "weights": "INPUTS/text/clip.safetensors",
                "tokenizer": "INPUTS/text/tokenizer.json",
                "class_names": "INPUTS/text/colors.txt",
                "prompts": "INPUTS/text/prompts.txt",
            },
        ),
    ],
    "probe": [
        Command(
            "own_model",
            "probe",
            {
                **OWN_MODEL,
                "train_images": "INPUTS/train",
                "images": "INPUTS/validation",
                "knn_ks": "(1,5)",
                "learning_rates": "(1.0,10.0)",
                "epochs": 4,
                "probe_batch_size": 9,
                "holdout": 0.25,
                "report": False,
            },
        ),
    ],
    "prepare": [
        Command(
            "dataset",
            "prepare",
            {"images": "INPUTS/validation", "name": "colors", "version": "1.0.0", "shards": 2, "workers": 1},
        ),
    ],
    "propose": [
        Command(
            "chosen",
            "propose",
            {
                "predictions": "INPUTS/models/*.npz",
                "original": "INPUTS/labels/original.json",
                "gold": "INPUTS/labels/real.json",
                "gold_images": 20,
                "k": 2,
                "min_recall": 0.8,
                "raters": 6,
                "labels_per_task": 3,
                "hierarchy": "INPUTS/is_a.txt",
                "class_names": "INPUTS/names.txt",
            },
        ),
        Command(
            "global",
            "propose",
            {
                "predictions": "INPUTS/models/*.npz",
                "original": "INPUTS/labels/original.json",
                "ranking": "global",
                "highest": 100,
                "format": "json",
            },
        ),
    ],
    "relabel": [
        Command(
            "own_model",
            "relabel",
            {
                **{name: value for name, value in OWN_MODEL.items() if name not in ("crop", "resize")},
                "model": "tests.golden.models:colors_at_places",
                "images": "INPUTS/train",
                "image_size": 12,
                "places": 3,
                "k": 2,
            },
        ),
    ],
    "score": [
        Command(
            "models",
            "score",
            {
                "predictions": "INPUTS/models/*.npz",
                "label_sets": ALL_LABEL_SETS,
                "class_names": "INPUTS/names.txt",
                "ks": "(1,3)",
                "export": "per_image.csv,cleanlab,tensorboard,timm",
            },
        ),
        Command(
            "incomplete",
            "score",
            {
                "predictions": "INPUTS/more_models/*",
                "label_sets": ALL_LABEL_SETS,
                "allow_missing": True,
                "ks": "(1,)",
                "report": False,
                "format": "json",
            },
        ),
    ],
    "train": [
        Command("softmax", "train_digits", TRAINING),
        Command(
            "sigmoid",
            "train_digits",
            {
                **TRAINING,
                "loss": "sigmoid",
                "clean_list": "INPUTS/clean.txt",
                "augmentation.crop": "inception",
                "augmentation.flip": True,
                "augmentation.cutmix": 1.0,
                "optimizer": "sgd",
                "schedule": "step",
                "decay_at": "(0.5,)",
                "average_decay": 0.9,
                "steps": 0,
                "epochs": 3.0,
            },
        ),
    ],
    "review": [
        Command(
            "mistakes",
            "review",
            {
                **LABELS,
                "images": "INPUTS/pictures",
                "mistakes": "OUTPUTS/mistakes/model/mistakes.json",
                "also": "INPUTS/labels/original.json",
                "reviewers": 1,
                "port": 0,
            },
            shown="mistakes",
        ),
        Command(
            "tasks",
            "review",
            {"images": "INPUTS/pictures", "tasks": "OUTPUTS/propose/global/tasks.json", "port": 0},
            shown="tasks",
        ),
        Command(
            "pairs",
            "review",
            {
                "images": "INPUTS/own",
                "others": "INPUTS/others",
                "pairs": "OUTPUTS/duplicates/search/duplicates.json",
                "port": 0,
            },
            shown="pairs",
        ),
    ],
}

NEEDS = {"label_maps": ["relabel"], "evaluate": ["prepare"], "review": ["mistakes", "propose", "duplicates"]}


class Session:
    """Runs the commands of programs on one set of inputs, each once."""

    def __init__(self, folder: pathlib.Path):
        self.inputs, self.outputs = folder / "inputs", folder / "outputs"
        self._results = {}
        self.inputs.mkdir(parents=True)
        inputs.write(self.inputs)
        hidden = ("IMAGENET_REAL_DATA",)
        self._environment = {name: value for name, value in os.environ.items() if name not in hidden} | {
            "COLUMNS": "160",  # tables and help are as wide as the terminal
            "XLA_FLAGS": " ".join(XLA_FLAGS),
            "XDG_CACHE_HOME": str(folder / "cache"),  # label files that a user downloaded are not seen
            "TFDS_DATA_DIR": str(folder / "tfds"),
        }

    def start(
        self, command: Command, workdir: pathlib.Path, more_fields: dict | None = None, fault: dict | None = None
    ) -> commands.Command:
        """Starts a command in a workdir. `fault` is what happens to its disk (see `faults.inject`)."""
        paths = {"INPUTS": self.inputs, "OUTPUTS": self.outputs}
        fields = {**command.fields, **(more_fields or {})}
        words = [f"--config.{name}={_with_paths(value, paths)}" for name, value in fields.items()]
        return commands.Command(
            [f"--config=configs/{command.config}.py", f"--workdir={workdir}", *words],
            module=TINY_MODEL if str(fields.get("model", "")).startswith("tiny") else "main",
            env=self._environment,
            before=functools.partial(_prepare, fault),
        )

    def results(self, program: str) -> dict[str, dict]:
        """What each command of a program prints and writes, by its name; runs them and the programs that they need.

        It is read at once: a later program may write beside what it reads.
        """
        if program not in self._results:
            for other in NEEDS.get(program, []):
                self.results(other)
            self._results[program] = {
                one.name: self._result(program, one, self._run(program, one)) for one in PROGRAMS[program]
            }
        return self._results[program]

    def _result(self, program: str, command: Command, printed: str) -> dict:
        text = self._without_places(printed)
        return {
            "stdout": text.splitlines(),  # to be read; its words may change
            "numbers": outputs.numbers_in(text),
            "files": outputs.of_folder(self.outputs / program / command.name, self._without_places),
        }

    def _without_places(self, text: str) -> str:
        text = text.replace(str(self.inputs), "INPUTS").replace(str(self.outputs), "OUTPUTS")
        return re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:PORT", text)

    def _run(self, program: str, command: Command) -> str:
        process = self.start(command, self.outputs / program / command.name)
        if command.shown:
            with contextlib.ExitStack() as ending:
                ending.callback(process.send_signal, signal.SIGTERM)
                paths = {"INPUTS": self.inputs, "OUTPUTS": self.outputs}
                port = int(process.wait_for(r"http://127\.0\.0\.1:(\d+)/", SECONDS)[1])
                shown = json.loads(pathlib.Path(_with_paths(command.fields[command.shown], paths)).read_bytes())
                for path, name, content in POSTS[command.shown](shown):
                    _post(port, path, name, content)
        out, error = process.communicate(SECONDS)
        assert process.returncode == 0, f"{program} {command.name} ends with {process.returncode}:\n{error}"
        return out


def _with_paths(value, paths: dict[str, pathlib.Path]) -> str:
    text = str(value)
    for name, path in paths.items():
        text = text.replace(name, str(path))
    return text


def _post(port: int, path: str, name: str, content: dict) -> None:
    address, headers = f"http://127.0.0.1:{port}/api/{path}?name={name}", {"content-type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(address, json.dumps(content).encode(), headers), timeout=30):
        pass


def _verdicts(shown: dict):
    """Two verdicts on mistakes."""
    first, second = (row["image_id"] for row in shown["mistakes"][:2])
    wrong = {"prediction": "wrong", "category": "Fine-grained error", "severity": "Major"}
    yield "judge", "Ada", {"key": "the-first-key", "image_id": first, "verdict": {"prediction": "correct"}}
    yield "judge", "Ada", {"key": "the-second-key", "image_id": second, "verdict": wrong}


def _answers(shown: dict):
    """Two raters' answers to a task each."""
    for task, name, answer in zip(shown["tasks"], ("Ada", "Bob"), ("yes", "maybe"), strict=False):
        answers = {str(label): answer for label in task["labels"]}
        yield "answer", name, {"task": task["task"], "answers": answers, "seconds": 2.5}


def _pairs(shown: dict):
    """One pair that is the same picture, and one that is not."""
    for number in range(2):
        yield "same", "Ada", {"key": f"the-key-of-pair-{number}", "pair": number, "same": number == 0}


POSTS = {"mistakes": _verdicts, "tasks": _answers, "pairs": _pairs}


def _prepare(fault: dict | None) -> None:
    """Takes the network from this process, and injects a fault."""
    connect = socket.socket.connect

    def connect_here(self, address):
        if self.family != socket.AF_UNIX and address[0] not in ("127.0.0.1", "localhost", "::1"):
            raise OSError(f"{address}: there is no network")
        return connect(self, address)

    socket.socket.connect = connect_here
    if fault:
        faults.inject(fault)
