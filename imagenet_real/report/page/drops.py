"""What models lose from ImageNet's validation images to other images of the same classes."""

from imagenet_real.report.names import label_set_name
from imagenet_real.report.page.markup import join, paragraph, percent, table
from imagenet_real.report.page.subject import Section, Subject

TEXT = (
    "The difference is to the validation images of the same classes. Effective robustness is the accuracy beyond what "
    "published models of the same accuracy on validation images have: a positive value means a smaller loss than theirs."
)


def section(subject: Subject) -> Section | None:
    """A table with a row for each model and set of other images."""
    rows = subject.results.drops
    if not rows:
        return None
    lines = [
        [
            row["model"],
            label_set_name(row["label_set"]),
            label_set_name(row["twin"]),
            f"top-{row['k']}",
            percent(row["accuracy"]),
            percent(row["twin_accuracy"]),
            f"{row['difference'] * 100:+.2f}",
            f"{row['low'] * 100:+.2f} to {row['high'] * 100:+.2f}",
            f"{row['effective_robustness'] * 100:+.2f}" if row.get("effective_robustness") is not None else "",
        ]
        for row in rows
    ]
    head = ["model", "images", "beside", "", "accuracy, %", "beside, %", "difference, points", "95 % interval"]
    body = join(
        [paragraph(TEXT, class_="soft"), table([*head, "effective robustness, points"], lines, text=(0, 1, 2, 3))]
    )
    return Section("drops", "Other images", body)
