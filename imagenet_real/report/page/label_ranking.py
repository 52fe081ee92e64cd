"""How well the scores of all classes rank several right classes."""

from imagenet_real.report.names import label_set_name
from imagenet_real.report.page.markup import join, paragraph, percent, table
from imagenet_real.report.page.subject import Section, Subject
from imagenet_real.scoring.label_ranking import asks_for_several

TEXT = (
    "Accuracy asks for one right class. These numbers ask for all right classes of an image, of which it has n. Mean average "
    "precision: how well the score of a class separates its images from the others, averaged over classes. Precision at the "
    "set's size: the share of right classes among the n best ones; recall is the same number. Precision and recall per class: "
    "means over classes of the same choice. Coverage: how many classes, best first, one must name to name all right ones."
)


def section(subject: Subject) -> Section | None:
    """A table of the models whose predictions have the scores of all classes."""
    rows = subject.results.label_ranking
    if not asks_for_several(rows):
        return None
    names = ("mean_average_precision", "precision", "class_precision", "class_recall")
    lines = [
        [
            row["model"],
            label_set_name(row["label_set"]),
            *(percent(row[name]) for name in names),
            f"{row['coverage']:.2f}",
            f"{row['images']:,}",
        ]
        for row in rows
    ]
    head = [
        "model",
        "label set",
        "mean average precision, %",
        "precision at the set's size, %",
        "precision per class, %",
    ]
    head += ["recall per class, %", "coverage, classes", "images"]
    return Section(
        "label_ranking",
        "Several right classes",
        join([paragraph(TEXT, class_="soft"), table(head, lines, text=(0, 1))]),
    )
