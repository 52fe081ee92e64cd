"""Serves the pages on which people review mistakes, answer rating tasks or compare pairs, and writes their answers."""

import contextlib

from etils import epath
from ml_collections import ConfigDict

from imagenet_real.builders.review import check, make_content
from imagenet_real.errors import InputError
from imagenet_real.io import storage
from imagenet_real.review_app.store import Store
from imagenet_real.runtime.workdir import lock_workdir


def run(config: ConfigDict, workdir: epath.Path) -> None:
    """Keeps the answers in answers.sqlite in `workdir`, and writes their results when the server ends.

    The results are judged.json and labels.json of mistakes, votes.json of tasks, or confirmed.json of pairs.
    """
    # The extra `review` brings these. Without it, the program ends here and names the extra.
    from imagenet_real.review_app.app import make_app
    from imagenet_real.review_app.server import serve

    if storage.in_bucket(workdir):
        raise InputError(f"{workdir} is in a bucket, which cannot hold a database. Give a --workdir on a disk.")
    # An export runs beside a server that holds the folder. Each file appears as a whole.
    with contextlib.nullcontext() if config.export_only else lock_workdir(workdir):
        check(config)
        with contextlib.closing(Store(workdir / "answers.sqlite")) as store:
            content = make_content(config, store)
            if not config.export_only:
                content.check_pictures()
                serve(make_app(content, config.host, config.token), config.host, config.port)
            for name, text in content.exports(config.name).items():
                storage.write_together({workdir / name: text})
                print(f"wrote {workdir / name}")
