"""Calibration: how sure a model is, and how often that is right."""

import numpy as np

from imagenet_real.report.page.markup import join, paragraph, table
from imagenet_real.report.page.ranking import figure
from imagenet_real.report.page.subject import Section, Subject, label_set_name
from imagenet_real.report.plots import drawing, reliability
from imagenet_real.scoring.calibration import BINS, Calibration, calibrate


def section(subject: Subject) -> Section | None:
    """Of the best model a diagram, of all the errors; nothing where no predictions tell probabilities."""
    found = {model: _calibrations(subject, model) for model in subject.models}
    found = {model: one for model, one in found.items() if one}
    if not found:
        return None
    model, first = next(iter(found.items()))
    with drawing.style():
        picture = drawing.save(
            reliability.figure(model, first),
            f"Calibration of {model}",
            f"Accuracy in {BINS} bins of confidence. "
            + " ".join(
                f"By {name} labels the expected calibration error is {one.error * 100:.1f} points, and the model is "
                f"{abs(one.excess) * 100:.1f} points too {'sure' if one.excess > 0 else 'unsure'} on average."
                for name, one in first.items()
            ),
        )
    names = list(first)
    lines = [[model, *(cell for name in names for cell in _cells(one.get(name)))] for model, one in found.items()]
    head = ["model", *(cell for name in names for cell in (f"{name}: error, points", "too sure, points"))]
    told = (
        f"The expected calibration error is how far confidence and accuracy are apart, on average over {BINS} bins of equal "
        "width (Guo et al. 2017); every image counts the same. The models are too sure, or too unsure where that is "
        "negative, by the difference of the two averages."
    )
    body = join([paragraph(told), figure(picture), table(head, lines)])
    return Section("calibration", "Calibration", body, {"calibration": picture})


def _calibrations(subject: Subject, model: str) -> dict[str, Calibration]:
    if subject.evidence.confidence is None:
        return {}
    confidence, found = subject.evidence.confidence[subject.number(model)], {}
    for one in subject.judges:
        columns, verdicts = subject.rows_of[one.name], subject.evidence.verdicts[one.name][subject.number(model)]
        sure = np.where(columns >= 0, confidence[columns], np.nan)
        here = one.is_scored & (verdicts >= 0) & np.isfinite(sure)
        if here.any():
            found[label_set_name(one.name)] = calibrate(sure[here], verdicts[here] > 0)
    return found


def _cells(one: Calibration | None) -> list[str]:
    return ["", ""] if one is None else [f"{one.error * 100:.2f}", f"{one.excess * 100:+.2f}"]
