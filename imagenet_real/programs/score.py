"""Scores saved predictions of one or several models under every label set."""

from etils import epath
from ml_collections import ConfigDict

from imagenet_real.builders import label_sets, measures, predictions, reports, slices
from imagenet_real.builders.datasets import open_dataset
from imagenet_real.predictions.model_files import ModelFiles
from imagenet_real.predictions.predictions import Predictions
from imagenet_real.report.exports import exports
from imagenet_real.report.printing import command, show_results, show_written
from imagenet_real.runtime.workdir import locks_workdir
from imagenet_real.scoring.results import Results, check_options, score_models

OUTPUTS = reports.OUTPUTS  # files that no input may be


@locks_workdir
def run(config: ConfigDict, workdir: epath.Path) -> Results:
    """Writes results.json, results.csv, accuracy_by_class.csv and report.html into `workdir`, and prints the table."""
    check_options(config.ks, config.repair)
    export_names = exports.parse(config.export)
    published = measures.reference_of(config)
    dataset = open_dataset(config)
    names = dataset.class_names(config.class_names)
    options = {"repair": config.repair, "allow_ambiguous": True}
    models = predictions.open_with_clean(config, names, **options)
    scored_sets, unavailable, notes = label_sets.load_for_predictions(config, models.headings, dataset, names)
    if any(labels.known_classes is not None for labels in scored_sets):  # the best of some classes needs their scores
        models = predictions.open_with_clean(config, names, keep_scores=True, **options)
    attributes, remarks = slices.attributes(config, scored_sets, dataset.source)
    results = score_models(
        models,
        scored_sets,
        labels_dir=config.labels_dir,
        ks=config.ks,
        allow_missing=config.allow_missing,
        repair=config.repair,
        slices=attributes,
    )
    results.unavailable += unavailable
    results.notes += [*notes, *remarks]

    def load_with_scores(name: str) -> Predictions:  # again: the first time it keeps the best classes, to save memory
        return predictions.load_model_with_scores(models.path_of[name], name, names, config.labels_dir, **options)

    measures.mark_requested(results, config.label_sets)
    measures.add_all(results, models.headings, load_with_scores, published)
    reports.write(config, workdir, results, dataset.source, attributes)
    exports.write(workdir, export_names, results, load_with_scores)
    show_results(config.format, results)
    show_written(
        config.format,
        workdir,
        reports.names_of(config, results, export_names),
        _next_command(config, workdir, results, models),
    )
    return results


def _next_command(config: ConfigDict, workdir: epath.Path, results: Results, models: ModelFiles) -> str:
    """Returns the command that lists the mistakes of the best model; none for answers in words, and for people."""
    best = results.rankings[0]["models"][0]["model"] if results.rankings else models.headings[0].name
    if results.answers or results.people:
        return ""
    names = [row["label_set"] for row in results.rows]
    label_set = "real" if "real" in names else config.label_sets.partition(",")[0]
    fields = {"predictions": models.path_of[best], "label_set": label_set, "images": config.images}
    return command("mistakes", **fields, workdir=workdir / "mistakes")
