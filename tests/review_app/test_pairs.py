"""Pairs of pictures on the page: shown, judged, undone, confirmed."""

import pytest

from imagenet_real.errors import InputError
from imagenet_real.review_app.pairs import Pairs
from imagenet_real.review_app.store import Store
from tests.review_app import small


@pytest.fixture
def folder(tmp_path):
    small.write(tmp_path)
    return tmp_path


def test_pairs_are_looked_at(folder):
    with small.pairs_server(folder) as client:
        assert b"The same picture?" in client.ask("/")[1]
        for place, same in enumerate((True, False, True)):
            pair = client.json("/api/pair", name="Ada")
            assert (pair["pair"], pair["image_id"], pair["other"]) == (place, "abc"[place], "def"[place])
            assert client.ask(f"/image/other/{pair['other']}")[0] == 200
            client.json("/api/same", {"key": f"key-{place}-long", "pair": place, "same": same}, name="Ada")
        assert client.json("/api/pair", name="Ada")["pair"] is None
        assert client.json("/api/undo", {}, name="Ada")["pair"] == 2
        assert client.json("/api/pair", name="Ada")["done"] == 2
        assert client.json("/api/pair", name="Bob")["done"] == 0
        assert "there is no pair 7" in client.refused(
            "/api/same", {"key": "long-key", "pair": 7, "same": True}, name="Bob"
        )
        confirmed = client.json("/export/confirmed.json")["pairs"]
        assert confirmed == [{"image_id": "a", "other": "d"}]
        client.json("/api/same", {"key": "bobs-key", "pair": 0, "same": False}, name="Bob")
        assert client.json("/export/confirmed.json")["pairs"] == []  # only what all call the same


def test_files_that_are_no_pairs(folder):
    store = Store(folder / "answers.sqlite")
    with pytest.raises(InputError, match="pairs is missing"):
        Pairs(folder / "mistakes.json", store)
    (folder / "duplicates.json").write_text('{"pairs": []}')
    with pytest.raises(InputError, match="has no pair"):
        Pairs(folder / "duplicates.json", store)
    store.close()
