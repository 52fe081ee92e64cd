"""Files of answers in words, as vision-language models give them, read by the names of the classes."""

import dataclasses
import os
from collections.abc import Sequence
from typing import TypedDict

import numpy as np
from etils import epath

from imagenet_real.io import readers, storage
from imagenet_real.io.readers import Name
from imagenet_real.labels import spellings
from imagenet_real.labels.imagenet import imagenet_wnids
from imagenet_real.labels.store import LabelStore
from imagenet_real.predictions.answer_matching import Matcher, Reading, Verdict

REMEDY = 'Write one {"image_id": ..., "answer": ...} a line, with an answer for each image.'


class _Line(TypedDict):
    image_id: Name
    answer: str


@dataclasses.dataclass(frozen=True, eq=False)
class Answers:
    """The answers of a model about N images, in words, and what each says by the names of the classes."""

    texts: tuple[str, ...]  # [N]
    readings: tuple[Reading, ...]  # [N]

    def are(self, verdict: Verdict) -> np.ndarray:
        """[N] bool: which answers are matched, ambiguous or unmatched."""
        return np.array([reading.verdict == verdict for reading in self.readings], dtype=bool)

    @property
    def top(self) -> np.ndarray:
        """[N, 1] int32: the class that each answer names, -1 for answers that are ambiguous or unmatched."""
        return np.array(
            [[reading.classes[0] if reading.verdict == Verdict.MATCHED else -1] for reading in self.readings], np.int32
        )


def is_answers_file(path: epath.Path) -> bool:
    """Whether the first line of a `.jsonl` file has an answer in words."""
    if path.suffix != ".jsonl" or not path.is_file():
        return False
    with storage.open_to_read(path) as file:
        first = file.readline(1 << 16)
    return b'"answer"' in first


def read_answers(
    path: str | os.PathLike, class_names: Sequence[str] | None, store: LabelStore
) -> tuple[np.ndarray, Answers, int]:
    """Reads a `.jsonl` file with `image_id` and `answer`: the image ids [N] str, the answers, and the number of classes.

    Args:
      path: of the file.
      class_names: [K], with the synonyms of a class separated by commas; by default ImageNet's names and synonyms.
      store: where the file with ImageNet's names is.

    Raises InputError.
    """
    lines = readers.read_json_lines(path, _Line, REMEDY)
    if not lines:
        raise readers.FileError(path, "it has no answer", REMEDY)
    if class_names is None:
        synonyms, _ = spellings.load_class_info(store.find([spellings.CLASS_INFO])[spellings.CLASS_INFO])
        matcher = Matcher(synonyms, imagenet_wnids())
    else:
        synonyms = [name.split(",") for name in class_names]
        matcher = Matcher(synonyms)
    known: dict[str, Reading] = {}  # many images have the same answer
    for line in lines:
        if line["answer"] not in known:
            known[line["answer"]] = matcher.read(line["answer"])
    texts = tuple(line["answer"] for line in lines)
    answers = Answers(texts, tuple(known[text] for text in texts))
    return np.array([line["image_id"] for line in lines], dtype=str), answers, len(synonyms)
