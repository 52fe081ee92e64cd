"""Calibration: how confident models are, compared with how often they are right."""

from imagenet_real.report.names import capitalize, label_set_name
from imagenet_real.report.page.markup import figure, join, paragraph, table
from imagenet_real.report.page.subject import Section, Subject
from imagenet_real.report.plots import drawing, reliability
from imagenet_real.report.plots.drawing import Drawing
from imagenet_real.scoring.calibration import BINS, Calibration, calibrate_models

By = dict[str, Calibration]  # label set, as the page names it -> calibration


def section(subject: Subject) -> Section | None:
    """A diagram of the best model and a table of all models, where predictions have probabilities."""
    calibrations = _calibrations(subject)
    if not calibrations:
        return None
    model, first = next(iter(calibrations.items()))
    picture = _diagram(model, first)
    rows = [
        [name, *(cell for label_set in first for cell in _cells(by.get(label_set)))]
        for name, by in calibrations.items()
    ]
    head = [
        "model",
        *(cell for label_set in first for cell in (f"{label_set}: error, points", "overconfidence, points")),
    ]
    text = (
        f"The expected calibration error is the mean gap between confidence and accuracy over {BINS} bins of equal width "
        "(Guo et al. 2017). Every image counts the same. Overconfidence is mean confidence minus accuracy; it is negative "
        "for an underconfident model."
    )
    body = join([paragraph(text), figure(picture), table(head, rows)])
    return Section("calibration", "Calibration", body, {"calibration": picture})


def _calibrations(subject: Subject) -> dict[str, By]:
    """By model; models without probabilities are left out."""
    columns = {
        label_set_name(label_set.name): calibrate_models(subject.evidence, label_set) for label_set in subject.compared
    }
    calibrations = {}
    for model in subject.models:
        at = subject.model_index(model)
        by_label_set = {name: values[at] for name, values in columns.items() if values[at] is not None}
        if by_label_set:
            calibrations[model] = by_label_set
    return calibrations


def _diagram(model: str, by_label_set: By) -> Drawing:
    sentences = [
        f"{capitalize(name)}: the expected calibration error is {calibration.error * 100:.1f} points; the model is "
        f"{abs(calibration.excess) * 100:.1f} points {'over' if calibration.excess > 0 else 'under'}confident on average."
        for name, calibration in by_label_set.items()
    ]
    with drawing.style():
        return drawing.save(
            reliability.figure(model, by_label_set),
            f"Calibration of {model}",
            " ".join([f"Accuracy in {BINS} bins of confidence.", *sentences]),
        )


def _cells(calibration: Calibration | None) -> list[str]:
    return ["", ""] if calibration is None else [f"{calibration.error * 100:.2f}", f"{calibration.excess * 100:+.2f}"]
