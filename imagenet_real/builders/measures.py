"""What programs add to results that they have: the place among published models, and measures that need all scores."""

from collections.abc import Callable, Iterable

from ml_collections import ConfigDict

from imagenet_real.errors import InputError
from imagenet_real.io import storage
from imagenet_real.predictions.model_files import Heading
from imagenet_real.predictions.predictions import Predictions
from imagenet_real.scoring import label_ranking, published_models
from imagenet_real.scoring.evidence import judges
from imagenet_real.scoring.published_models import PublishedModels
from imagenet_real.scoring.results import Results, add_reference


def reference_of(config: ConfigDict) -> PublishedModels | None:
    """Returns the published models that `reference` names, None if it is empty. Raises InputError for another name."""
    if not config.reference:
        return None
    if config.reference == "published":
        return published_models.load()
    if not storage.to_path(config.reference).is_dir():
        raise InputError(
            f"reference={config.reference!r} is no folder. Give --reference=published, or a folder with timm's tables."
        )
    return published_models.load_folder(config.reference)


def mark_requested(results: Results, names: str) -> None:
    """Marks the label sets that are unavailable as requested, or as ones of the default list if `names` is empty."""
    for row in results.unavailable:
        row["requested"] = bool(names)


def add_all(
    results: Results,
    models: Iterable[Predictions | Heading],
    with_scores: Callable[[str], Predictions],
    published: PublishedModels | None,
    names: dict[str, str] | None = None,
) -> None:
    """Adds to results what needs the scores of all classes, which are read one model at a time, and the published models.

    Args:
      results: of the models.
      models: as they were scored.
      with_scores: model name -> its predictions with the scores of all classes.
      published: the published models, or None.
      names: model -> its full name, such as resnet50.tv_in1k.
    """
    measured = {row["model"] for row in results.label_ranking}
    of_all_classes = [labels for labels in results.evidence.label_sets if labels.known_classes is None]
    for model in models:
        is_repaired = "repair" in results.provenance["predictions"][model.name]
        if model.has_scores and model.name not in measured and not is_repaired:
            results.label_ranking += label_ranking.rows(with_scores(model.name), judges(of_all_classes))
    if published is not None:
        add_reference(results, published, names)
