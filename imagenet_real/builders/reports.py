"""The report page of a program: what its classes are called, their groups, and the images of its gallery."""

from collections.abc import Callable

from etils import epath
from ml_collections import ConfigDict

from imagenet_real.builders import class_names
from imagenet_real.data.sources.records import Source
from imagenet_real.errors import InputError
from imagenet_real.labels import files, groups, hierarchy
from imagenet_real.labels.imagenet import imagenet_wnids
from imagenet_real.report.files import write_results
from imagenet_real.report.page.document import write_report
from imagenet_real.scoring.results import Results


def write(config: ConfigDict, workdir: epath.Path, results: Results, source: Source | None = None) -> None:
    """Writes the results, and where `report` asks for it the page; with a gallery where there are images."""
    write_results(workdir, results)
    if config.report:
        num_classes = results.evidence.label_sets[0].num_classes
        names, groups_of = _names(config, num_classes, source), _groups(config, num_classes)
        write_report(workdir, results, names, groups_of, source and _pictures(source))


def _names(config: ConfigDict, num_classes: int, source: Source | None) -> list[str]:
    """Those that are given, those that a source brings for classes that are not ImageNet's, or the published ones."""
    brought = list(source.class_names) if source and source.class_names else []
    if not config.class_names and num_classes != 1000 and len(brought) == num_classes:
        return brought
    return class_names.with_meanings(config.class_names, num_classes, config.labels_dir)[0]


def _groups(config: ConfigDict, num_classes: int) -> list[str] | None:
    path = files.look_for(hierarchy.WORDNET, config.labels_dir) if num_classes == 1000 else None
    return groups.named_groups(hierarchy.load_paths(path, imagenet_wnids())) if path else None


def _pictures(source: Source) -> Callable[[str], bytes | None]:
    rows: dict[str, int] = {}

    def picture(image_id: str) -> bytes | None:
        if not rows:
            rows.update({str(one): row for row, one in enumerate(source.label_fields().image_ids)})
        if image_id not in rows:
            return None
        try:
            return source[rows[image_id]]["image"]
        except InputError:  # it could not be read when it was evaluated, either
            return None

    return picture
