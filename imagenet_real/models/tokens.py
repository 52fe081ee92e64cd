"""Texts -> tokens, by the tokenizer of a model, and the ways its authors clean texts before."""

import os
import re
import string
from collections.abc import Callable, Sequence

import numpy as np

from imagenet_real.errors import InputError, nearest
from imagenet_real.io import extras

PUNCTUATION = str.maketrans("", "", string.punctuation)


def lower(text: str) -> str:
    """CLIP's: lower case, and one space between words."""
    return " ".join(text.split()).lower()


def canonicalize(text: str) -> str:
    """SigLIP's: lower case without punctuation, an underscore is a space (big_vision's prompt_engineering.py)."""
    return lower(text.replace("_", " ").translate(PUNCTUATION))


CLEANING: dict[str, Callable[[str], str]] = {"lower": lower, "canonicalize": canonicalize}


def encode(texts: Sequence[str], tokenizer: str | os.PathLike, length: int, *, cleaning: str) -> np.ndarray:
    """Encodes texts with a tokenizer.json, or with SentencePiece's .model: [N, length] int32.

    Longer texts are cut, but keep their end token; shorter ones are padded to the length. Raises InputError for a
    tokenizer that cannot be read, and for an unknown cleaning.
    """
    if cleaning not in CLEANING:
        raise InputError(f"unknown cleaning {cleaning!r}: {nearest(cleaning, list(CLEANING))}")
    if not os.path.isfile(tokenizer):
        raise InputError(f"no tokenizer at {tokenizer}. Give the tokenizer.json, or the .model file, of the model.")
    clean = [CLEANING[cleaning](text) for text in texts]
    encoded, pad = (_sentencepiece if str(tokenizer).endswith(".model") else _tokenizers)(clean, tokenizer)
    rows = np.full((len(texts), length), pad, np.int32)
    for row, ids in zip(rows, encoded, strict=True):
        kept = ids if len(ids) <= length else [*ids[: length - 1], ids[-1]]
        row[: len(kept)] = kept
    return rows


def _tokenizers(texts: Sequence[str], file: str | os.PathLike) -> tuple[list[list[int]], int]:
    extras.check("this tokenizer", "tokenizers")
    import tokenizers

    try:
        tokenizer = tokenizers.Tokenizer.from_file(os.fspath(file))
    except Exception as error:  # the library raises plain exceptions
        reason = re.sub(r"\s+", " ", str(error))
        raise InputError(f"{file} is not a tokenizer.json ({reason}). Download it again.") from None
    pad = (tokenizer.padding or {}).get("pad_id")
    if pad is None:
        pad = next((i for token in ("<pad>", "<|endoftext|>") if (i := tokenizer.token_to_id(token)) is not None), 0)
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return [encoding.ids for encoding in tokenizer.encode_batch(list(texts))], pad


def _sentencepiece(texts: Sequence[str], file: str | os.PathLike) -> tuple[list[list[int]], int]:
    extras.check("this tokenizer", "sentencepiece")
    import sentencepiece

    try:
        processor = sentencepiece.SentencePieceProcessor(model_file=os.fspath(file))
    except (OSError, RuntimeError, ValueError) as error:
        raise InputError(f"{file} is not a SentencePiece model ({error}). Download it again.") from None
    end = processor.eos_id()
    return [[*ids, end] for ids in processor.encode(list(texts))], end
