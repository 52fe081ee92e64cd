"""Writes the label maps of a dataset: what a strong model sees at each place of each image, or published maps."""

from etils import epath
from ml_collections import ConfigDict

import imagenet_real
from imagenet_real.builders import config_groups, models
from imagenet_real.builders.annotator import load_annotator
from imagenet_real.builders.images import open_images
from imagenet_real.data.batches import evaluation_batches
from imagenet_real.errors import InputError
from imagenet_real.relabel.annotate import annotate
from imagenet_real.relabel.label_maps import LabelMaps, load_label_maps, summarize
from imagenet_real.relabel.published_maps import PublishedMaps, import_maps
from imagenet_real.report.label_maps import summary_text
from imagenet_real.report.printing import command, show_written
from imagenet_real.runtime import devices, distributed
from imagenet_real.runtime.workdir import lock_workdir

OUTPUTS = ("identity.json", "maps.json", "maps-*")  # files that no input may be


def run(config: ConfigDict, workdir: epath.Path) -> LabelMaps | None:
    """Writes the maps into `workdir`; a killed run continues. Process 0 returns them."""
    with distributed.initialize(config.distributed), distributed.context_on_primary(lock_workdir(workdir)):
        if bool(config.images) == bool(config.published):
            raise InputError(
                f"images={config.images!r}, published={config.published!r}: give one of them. --images=tfds:NAME "
                "makes maps with a model, --published=FOLDER imports maps."
            )
        if config.published:
            published = (config.published, config.axes, config.num_classes)
            distributed.on_primary(lambda: import_maps(PublishedMaps(*published), workdir))
        else:
            annotate_images(config, workdir)
        return distributed.on_primary(lambda: load_and_print(config, workdir))


def annotate_images(config: ConfigDict, workdir: epath.Path) -> None:
    """Makes the maps of `images` with a model."""
    if config.batch_size < 1:
        raise InputError(f"batch_size={config.batch_size} is impossible. Give at least 1.")
    source = open_images(config.images, split=config.split, tfds_dir=config.tfds_dir, log=models.log)
    annotator = load_annotator(config)
    mesh = devices.make_mesh(model=config.model_devices)
    annotate(
        annotator.apply,
        annotator.params,
        lambda start: evaluation_batches(
            source,
            annotator.preprocessing,
            batch_size=config.batch_size,
            rows=devices.local_rows(mesh, config.batch_size),
            start=start,
            workers=config.workers,
        ),
        total=len(source),
        batch_size=config.batch_size,
        image_size=annotator.preprocessing.crop,
        mesh=mesh,
        folder=workdir,
        run_key={
            "imagenet_real": imagenet_real.__version__,
            "source": source.name,
            "images": len(source),
            "fingerprint": source.fingerprint,
            **annotator.run_key,
        },
        k=config.k,
        max_unreadable=config_groups.max_unreadable(config),
    )


def load_and_print(config: ConfigDict, workdir: epath.Path) -> LabelMaps:
    """Returns the maps, and prints how many there are and how to train on them."""
    maps = load_label_maps(workdir)
    print(summary_text(summarize(workdir)))
    is_own = config.images and not config.images.startswith("tfds:imagenet2012")
    fields = {"images": config.images if is_own else "", "label_maps": workdir, "workdir": workdir.parent / "relabeled"}
    following = command("train" if is_own else "train_relabel", **fields)
    show_written("table", workdir, ["maps.json", "maps-*"], following)
    return maps
