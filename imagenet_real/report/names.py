"""Names of label sets for readers."""

from collections.abc import Iterable, Sequence

_NAMES = {
    "real": "ReaL",
    "multilabel": "multi-label",
    "imagenet_m": "ImageNet-M",
    "except_mislabeled": "except mislabeled",
    "except_all_errors": "except all errors",
    "reimagenet": "ReImageNet",
    "imagenet_v2": "ImageNet-V2",
    "imagenet_v2_refined": "ImageNet-V2 refined",
    "imagenet_v2_threshold": "ImageNet-V2 threshold 0.7",
    "imagenet_v2_top_images": "ImageNet-V2 top images",
    "imagenet_a": "ImageNet-A",
    "imagenet_r": "ImageNet-R",
    "imagenet_sketch": "ImageNet-Sketch",
    "objectnet": "ObjectNet",
    "imagenet_a_clean": "ImageNet-A's classes",
    "imagenet_r_clean": "ImageNet-R's classes",
    "objectnet_clean": "ObjectNet's classes",
    "reimagenet_s": "ReImageNet S",
    "reimagenet_s_plus": "ReImageNet S+",
    "reimagenet_s_minus": "ReImageNet S-",
    "reimagenet_m": "ReImageNet M",
    "reimagenet_m_plus": "ReImageNet M+",
    "reimagenet_m_minus": "ReImageNet M-",
}
# Who published the labels, for the captions of tables.
SOURCES = {
    "original": "Russakovsky et al. 2015",
    "real": "Beyer et al. 2020",
    "multilabel": "Vasudevan et al. 2022",
    "imagenet_m": "Vasudevan et al. 2022",
    "except_mislabeled": "Adansons 2022",
    "except_all_errors": "Adansons 2022",
    "reimagenet": "Volkov et al. 2026",
    "imagenet_v2": "Recht et al. 2019",
    "imagenet_v2_refined": "Anzaku et al. 2024",
}

# What a label set says, for readers who meet it for the first time.
DESCRIPTIONS = {
    "original": "The class that an image was collected for.",
    "real": "All classes that are right for an image, as in Beyer et al. (2020). Images without any are excluded.",
    "multilabel": "All classes that experts judge correct or unclear (Vasudevan et al. 2022). The accuracy is a mean over classes.",
    "imagenet_m": "68 images with major mistakes of strong models (Vasudevan et al. 2022).",
    "except_mislabeled": "The original labels, without the images whose only ReaL label is another class.",
    "except_all_errors": "The original labels, on the images whose only ReaL label is the original one.",
}


def label_set_name(name: str) -> str:
    """The name of a label set in tables and titles."""
    return _NAMES.get(name, name)


def label_set_phrase(name: str) -> str:
    """The name of a label set in a sentence."""
    return "the original labels" if name == "original" else label_set_name(name)


def capitalize(text: str) -> str:
    """The text with a capital first letter; the other letters stay as they are."""
    return text[:1].upper() + text[1:]


def count_of(number: int, noun: str) -> str:
    """A number with its noun: 1 model, 2 models."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def listed(texts: Sequence[str]) -> str:
    """Texts as a list in a sentence: a, b and c."""
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"


def main_label_sets(names: Iterable[str]) -> list[str]:
    """Original, ReaL and ReImageNet if present, else the first label set."""
    names = list(dict.fromkeys(names))
    return [name for name in ("original", "real", "reimagenet") if name in names] or names[:1]
