import http.server
import threading

import pytest

from imagenet_real.errors import InputError
from imagenet_real.labels import published_files, store
from imagenet_real.labels.store import LabelStore


def test_labels_dir_comes_first_then_the_data_folder_then_the_cache(nowhere, monkeypatch):
    places = [nowhere / "mine", nowhere / "data" / "labels", nowhere / "cache"]
    monkeypatch.setenv("IMAGENET_REAL_DATA", str(nowhere / "data"))
    for place in reversed(places):
        place.mkdir(parents=True)
        (place / "real.json").write_text("[]")
        assert LabelStore(nowhere / "mine").look_for("real.json") == place / "real.json"


@pytest.mark.parametrize("name", published_files.PUBLISHED)
def test_without_a_network_one_line_says_what_to_do(nowhere, name):
    with pytest.raises(InputError) as error:
        LabelStore(nowhere / "mine").find([name])
    message = str(error.value)
    assert published_files.PUBLISHED[name].url in message
    assert published_files.PUBLISHED[name].sha256[:8] in message
    assert message.startswith(f"{name}: no network answers. ")
    assert len(message) <= 300


@pytest.mark.parametrize("name", published_files.PUBLISHED)
def test_a_download_that_fails_is_one_line(nowhere, name, monkeypatch):
    import pooch

    def fail(*_, **__):
        raise ConnectionError("refused: " + "x" * 500)

    monkeypatch.setattr(store, "is_reachable", lambda host: True)
    monkeypatch.setattr(pooch, "retrieve", fail)
    with pytest.raises(InputError) as error:
        LabelStore(nowhere / "mine").find([name])
    assert published_files.PUBLISHED[name].url in str(error.value)
    assert len(str(error.value)) <= 300


def test_addresses_are_pinned_to_commits():
    for file in published_files.PUBLISHED.values():
        revision = file.url.split("/")[5]
        assert len(revision) == 40
        int(revision, 16)


@pytest.fixture
def server(tmp_path):
    (tmp_path / "served").mkdir()
    (tmp_path / "served" / "real.json").write_text("[[1]]")

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=tmp_path / "served")

        def log_message(self, *arguments):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}/real.json"
        running.shutdown()


def test_download_is_checked_and_kept(nowhere, monkeypatch, server):
    from imagenet_real.io.storage import sha256

    good = sha256(nowhere / "served" / "real.json")
    monkeypatch.setattr(store, "is_reachable", lambda host: True)
    monkeypatch.setitem(published_files.PUBLISHED, "real.json", published_files.PublishedFile(server, "0" * 64))
    with pytest.raises(InputError, match=r"could not download real\.json"):
        LabelStore().find(["real.json"])
    assert not (nowhere / "cache" / "real.json").exists()

    monkeypatch.setitem(published_files.PUBLISHED, "real.json", published_files.PublishedFile(server, good))
    assert LabelStore().find(["real.json"])["real.json"].read_text() == "[[1]]"
    monkeypatch.setattr(store, "is_reachable", lambda host: False)
    assert LabelStore().find(["real.json"])["real.json"].parent == nowhere / "cache"


def test_a_local_file_that_is_not_the_published_one_is_recorded_as_such(tmp_path):
    (tmp_path / "real.json").write_text("[]")
    assert (
        published_files.origin(tmp_path / "real.json")["differs_from_published"]
        == published_files.PUBLISHED["real.json"].sha256
    )
