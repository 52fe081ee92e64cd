"""Serves the pages on which people review mistakes, answer rating tasks or compare pairs, and writes their answers."""

import contextlib
from collections.abc import Iterator

from etils import epath
from ml_collections import ConfigDict

from imagenet_real.builders.review import check, make_content
from imagenet_real.errors import InputError
from imagenet_real.io import storage
from imagenet_real.report.printing import command, show_written
from imagenet_real.review_app.content import Content
from imagenet_real.review_app.mistakes_file import read_mistakes
from imagenet_real.review_app.store import Store
from imagenet_real.review_app.written_files import kept_written
from imagenet_real.runtime import signals
from imagenet_real.runtime.workdir import lock_workdir

OUTPUTS = (
    "answers.*",
    "confirmed.json",
    "judged.json",
    "labels.json",
    "verdicts.json",
    "votes.json",
    "waiting.json",
)  # files that no input may be


def run(config: ConfigDict, workdir: epath.Path) -> None:
    """Keeps the answers in `workdir`, and writes their results as they come, until Ctrl-C or SIGTERM ends the server.

    The answers are in answers.sqlite and answers.log. The results are judged.json, labels.json and verdicts.json of
    mistakes, votes.json of tasks, or confirmed.json of pairs. Where several reviewers must agree, waiting.json has the
    images without a decision.
    """
    # The extra `review` brings these. Without it, the program ends here and names the extra.
    from imagenet_real.review_app.app import make_app
    from imagenet_real.review_app.server import listen, serve

    if storage.in_bucket(workdir):
        raise InputError(f"{workdir} is in a bucket, which cannot hold a database. Give a --workdir on a disk.")
    if config.export_only:
        with _lock_unless_served(workdir) as is_locked:
            check(config)
            with contextlib.closing(Store(workdir / "answers.sqlite", read_only=not is_locked)) as store:
                _report(config, workdir, make_content(config, store))
        return
    with lock_workdir(workdir):
        token = check(config)
        with (
            listen(config.host, config.port) as listening,
            contextlib.closing(Store(workdir / "answers.sqlite")) as store,
        ):
            content = make_content(config, store)
            content.check_pictures()
            if names := content.rater_names:
                print(f"raters: {', '.join(names)}. Give each person one of these names.", flush=True)
            with signals.deferred() as received:
                with kept_written(store.changes, lambda: _write_results(config, workdir, content)):
                    serve(make_app(content, config.host, token), listening, received)
                store.reopen()
                _report(config, workdir, content)


@contextlib.contextmanager
def _lock_unless_served(workdir: epath.Path) -> Iterator[bool]:
    """Locks the folder and yields True, or yields False if a server holds it: an export may run beside a server."""
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(lock_workdir(workdir))
        except InputError:
            yield False
        else:
            yield True


def _write_results(config: ConfigDict, workdir: epath.Path, content: Content) -> list[epath.Path]:
    files = {workdir / name: text for name, text in content.exports(config.name).items()}
    storage.write_together(files)
    return list(files)


def _report(config: ConfigDict, workdir: epath.Path, content: Content) -> None:
    """Writes the results, and prints what they are, what is open, and the command that uses them."""
    names = [path.name for path in _write_results(config, workdir, content)]
    if text := content.open_ends():
        print(text)
    show_written("table", workdir, names, _next_command(config, workdir))


def _next_command(config: ConfigDict, workdir: epath.Path) -> str:
    """Returns the command that uses the results, with the user's own paths."""
    results = workdir.parent / f"{workdir.name}_results"
    if config.tasks:
        fields = {"votes": workdir / "votes.json", "images": config.images, "tfds_dir": config.tfds_dir}
        return command("aggregate", **fields, workdir=results)
    if config.pairs:
        return command("duplicates", confirmed=workdir / "confirmed.json", workdir=results)
    listed = read_mistakes(config.mistakes)
    fields = {"predictions": listed.config.get("predictions", "FILE"), "images": listed.config.get("images", "")}
    if listed.covers_part:
        fields["allow_missing"] = "True"
    under_review = config.label_set or listed.config.get("label_set") or listed.label_set
    label_sets = f"{under_review},{workdir / 'labels.json'}"
    return command("score", **fields, label_sets=label_sets, workdir=results)
