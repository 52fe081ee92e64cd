"""Scores saved predictions of one or several models under every label set."""

from etils import epath
from ml_collections import ConfigDict

from imagenet_real.builders import label_sets, predictions, reports
from imagenet_real.predictions.predictions import Predictions
from imagenet_real.report.exports import exports
from imagenet_real.report.printing import show_results
from imagenet_real.runtime.workdir import locks_workdir
from imagenet_real.scoring.results import Results, score


@locks_workdir
def run(config: ConfigDict, workdir: epath.Path) -> Results:
    """Writes results.json, results.csv, accuracy_by_class.csv and report.html into `workdir`, and prints the table."""
    export_names = exports.parse(config.export)
    images = reports.open_images(config)
    models_by_path = predictions.load_models_by_path(config.predictions, config.class_names, config.labels_dir)
    results = score(
        [model for models in models_by_path.values() for model in models],
        label_sets.select(config.label_sets, label_sets.store_of(config)),
        labels_dir=config.labels_dir,
        ks=config.ks,
        allow_missing=config.allow_missing,
        repair=config.repair,
    )
    reports.write(config, workdir, results, images)
    path_of = {model.name: path for path, models in models_by_path.items() for model in models}

    def load_with_scores(name: str) -> Predictions:  # again: the first time it keeps the best classes, to save memory
        return predictions.load_model_with_scores(path_of[name], name, config.class_names, config.labels_dir)

    exports.write(workdir, export_names, results, load_with_scores)
    show_results(config.format, results)
    return results
