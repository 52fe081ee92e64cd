"""docs/mistakes.md: two reviewers and their guidelines, from a model's mistakes to new labels; and pairs of pictures."""

import json
import time

import pytest

from tests import ROOT, documented
from tests.data.pictures import write_folder
from tests.documented import commands
from tests.flows.shell import Shell

pytestmark = pytest.mark.slow

PAGE = ROOT / "docs" / "mistakes.md"
SECRET = "a secret of the team"
PAIR = "imagenet-real duplicates --confirmed"  # run here, and read alone in test_documentation


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Pictures of the validation set, FOLDER and ILSVRC2012_img_val.tar, a model that errs on them, and guidelines."""
    folder = tmp_path_factory.mktemp("reviewed")
    documented.write_world(folder)
    (folder / "FOLDER").rename(folder / "OWN")
    (folder / "validation").rename(folder / "FOLDER")
    (folder / "guidelines.md").write_text("# Rules\n\nThe **largest** thing counts.\n")
    (folder / "secret.txt").write_text(SECRET + "\n")
    return folder


def shell_in(folder) -> Shell:
    fields = {"score": "--report=False", "review": "--port=0 --skip_missing=True", "duplicates": "--workers=1"}
    return Shell(folder, fields, IMAGENET_REAL_DATA=str(folder))


def review(client, name: str, count: int, verdict: dict) -> list[str]:
    """Judges so many mistakes; returns their images."""
    judged = []
    while len(judged) < count and (item := client.json("/api/item", name=name)["item"]) is not None:
        client.judge(name, item["image_id"], verdict)
        judged.append(item["image_id"])
    return judged


def wait_for_lines(path, key: str, count: int) -> None:
    """Waits until a file that the server writes as answers come has so many entries."""
    end = time.monotonic() + 20
    while not path.exists() or len(json.loads(path.read_text())[key]) < count:
        assert time.monotonic() < end, path
        time.sleep(0.05)


def test_two_reviewers_make_labels_that_score_reads(folder):
    shell, results = shell_in(folder), folder / "runs" / "review"
    mistakes, serve, score = [line for line in commands(PAGE) if "pip" not in line][:3]
    assert "FOLDER" in shell.run(mistakes).splitlines()[-1]  # the last line has the next command
    count = documented.PICTURES

    # For colleagues: another address needs the secret, and without it a page asks for it.
    with shell.served(f"{serve} --reviewers=2 --guidelines=guidelines.md --host=0.0.0.0 --token_file=secret.txt") as (
        client,
        _,
    ):
        assert client.ask("/api/about")[0] == 401
        status, _, headers = client.ask("/login", {"token": SECRET})
        assert status == 200
        about = json.loads(client.ask("/api/about", headers={"cookie": headers["set-cookie"].partition(";")[0]})[1])
    assert about["total"] == count
    assert "<strong>largest</strong>" in about["guidelines"]

    serve = f"{serve} --reviewers=2 --guidelines=guidelines.md"
    with shell.served(serve) as (client, _):
        seen = review(client, "Ada", count, {"prediction": "correct"})
        assert len(seen) == count
        wait_for_lines(results / "waiting.json", "waiting", count)
    with shell.served(serve) as (client, printed):  # another start continues
        assert review(client, "Ada", count, {}) == []
        assert len(review(client, "Ben", count - 2, {"prediction": "correct"})) == count - 2
    assert "2 verdicts wait for another reviewer" in printed[1]
    (said,) = [line for line in printed[1].splitlines() if line.startswith("Wrote ")]
    for name in ("labels.json", "judged.json", "verdicts.json", "waiting.json"):
        assert name in said
        assert (results / name).is_file()
    assert "Next: imagenet-real score" in said
    wait_for_lines(results / "verdicts.json", "verdicts", 2 * count - 2)

    shell.run(score)
    rows = json.loads((folder / "runs" / "score" / "results.json").read_text())["rows"]
    right = {row["label_set"]: row["accuracy"] * row["images"] for row in rows if row["k"] == 1}
    assert right["reviewed"] - right["real"] == pytest.approx(count - 2)  # what both call correct
    assert len(shell.typed) == 5


def test_pairs_that_people_confirm_leave_a_label_set(folder):
    shell = shell_in(folder)
    write_folder(folder / "OTHERS", (3, 5))  # the same pictures
    lines = [line.replace("tfds:imagenet2012", "OTHERS") for line in commands(PAGE, "Near-duplicates")]
    search, serve, exclude = [line for line in lines if line.startswith("imagenet-real")]
    assert "2" in shell.run(search)
    with shell.served(serve) as (client, printed):
        for number in range(2):
            pair = client.json("/api/pair", name="Ada")
            assert pair["image_id"] == pair["other"]
            client.json(
                "/api/same", {"key": f"key-{number}-long", "pair": pair["pair"], "same": not number}, name="Ada"
            )
    assert "Wrote confirmed.json" in printed[1]
    shell.run(exclude)
    rows = json.loads((folder / "runs" / "without" / "results.json").read_text())["rows"]
    images = [row["images"] for row in rows if row["k"] == 1]
    assert images[0] - images[1] == 1
    assert len(shell.typed) == 3
