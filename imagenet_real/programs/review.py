"""Serves the pages on which people review mistakes, answer rating tasks or compare pairs, and writes their answers."""

import contextlib

from etils import epath
from ml_collections import ConfigDict

from imagenet_real.builders.review import check, make_content
from imagenet_real.errors import InputError
from imagenet_real.io import storage
from imagenet_real.review_app.store import Store
from imagenet_real.review_app.written_files import kept_written
from imagenet_real.runtime.workdir import lock_workdir


def run(config: ConfigDict, workdir: epath.Path) -> None:
    """Keeps the answers in answers.sqlite in `workdir`, and writes their results as they come.

    The results are judged.json, labels.json and verdicts.json of mistakes, votes.json of tasks, or confirmed.json of
    pairs. Where several reviewers must agree, waiting.json has the images without a decision.
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

            def write() -> dict[epath.Path, str]:
                files = {workdir / name: text for name, text in content.exports(config.name).items()}
                storage.write_together(files)
                return files

            if not config.export_only:
                content.check_pictures()
                if names := content.rater_names:
                    print(f"raters: {', '.join(names)}. Give each person one of these names.", flush=True)
                with kept_written(store.changes, write):
                    serve(make_app(content, config.host, config.token), config.host, config.port)
            print(f"wrote {', '.join(map(str, write()))}")
            if text := content.open_ends():
                print(text)
            print(_next_command(config, workdir))


def _next_command(config: ConfigDict, workdir: epath.Path) -> str:
    """Returns the command that uses the results, with the user's own paths."""
    if config.tasks:
        labels = f" --images={config.images}" if config.images else ""
        return f"next: imagenet-real aggregate --votes={workdir / 'votes.json'}{labels} --workdir=DIR"
    if config.pairs:
        return f"next: imagenet-real duplicates --confirmed={workdir / 'confirmed.json'} --workdir=DIR"
    return f"next: imagenet-real score --predictions=FILE --label_sets={workdir / 'labels.json'} --workdir=DIR"
