"""The report page of a program: the names of its classes, their groups, and the images of its gallery."""

from collections.abc import Callable, Sequence

from etils import epath
from ml_collections import ConfigDict

from imagenet_real.builders import class_sets, label_sets
from imagenet_real.builders.datasets import Dataset
from imagenet_real.data.browser_pictures import for_browser
from imagenet_real.data.decoding import EXIF, decode
from imagenet_real.data.sources.records import Source
from imagenet_real.errors import InputError
from imagenet_real.labels.attributes import Attribute
from imagenet_real.labels.classes import ClassSet, of_label_set
from imagenet_real.labels.label_set import LabelSet
from imagenet_real.report.exports import paper
from imagenet_real.report.files import write_results
from imagenet_real.report.page.document import write_report
from imagenet_real.report.slice_files import write_slices
from imagenet_real.scoring.results import Results

OUTPUTS = ("accuracy_by_class.csv", "per_image.*", "report.html", "results.csv", "results.json", "slices.*")
OUTPUTS += ("table.tex", "table.md", "*.png", "*.svg")


def write(
    config: ConfigDict,
    workdir: epath.Path,
    results: Results,
    source: Source | None = None,
    attributes: Sequence[Attribute] = (),
) -> None:
    """Writes the results, those by attribute if there are any, and the page if `report` is on.

    The page has a gallery if there is a source of images.
    """
    write_results(workdir, results)
    if results.slices:
        write_slices(workdir, results.slices, {attribute.column: attribute.origin for attribute in attributes})
    if config.report:
        classes = _classes(config, results.evidence.label_sets[0], source)
        pictures = _pictures(source, _exif(config, results)) if source else None
        write_report(workdir, results, classes.names, classes.groups, pictures)


def names_of(config: ConfigDict, results: Results, exports: Sequence[str] = ()) -> list[str]:
    """The names of the files that `write` writes, and of exports."""
    page = ["report.html"] if config.report else []
    sliced = ["slices.csv", "slices.json"] if results.slices else []
    tables = {"latex": paper.LATEX, "markdown": paper.MARKDOWN}
    files = [*page, "results.json", "results.csv", "accuracy_by_class.csv", *sliced]
    return files + [tables.get(name, name) for name in exports]


def check(config: ConfigDict, label_set: LabelSet, source: Source | None) -> None:
    """Raises InputError for what the page of a program would find wrong, such as names of classes, before the work."""
    if config.report:
        _classes(config, label_set, source)


def _classes(config: ConfigDict, label_set: LabelSet, source: Source | None) -> ClassSet:
    """The classes with the names in a file, those of the source, or the published ones."""
    store = label_sets.store_of(config)
    classes = of_label_set(Dataset(source).named(label_set))
    return class_sets.with_hierarchy(class_sets.with_meanings(classes, config.class_names, store), "", store)


def _exif(config: ConfigDict, results: Results) -> str:
    """Returns what the model did with the orientation in the files: the pictures agree with its input."""
    preprocessing = results.provenance.get("preprocessing") or {}
    return preprocessing.get("exif") or ("exif" in config and config.exif) or EXIF[0]


def _pictures(source: Source, exif: str) -> Callable[[str], bytes | None]:
    """A function from an image id to the image as a browser shows it; None for an image that is missing or damaged."""
    rows: dict[str, int] = {}

    def picture(image_id: str) -> bytes | None:
        if not rows:
            rows.update({str(name): row for row, name in enumerate(source.label_fields().image_ids)})
        if image_id not in rows:
            return None
        try:
            encoded = source[rows[image_id]]["image"]
            decode(encoded)
            return for_browser(encoded, exif)[0]
        except InputError:
            return None

    return picture
