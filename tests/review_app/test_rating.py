"""Rating: who is given what, that gold does not show, and that the votes are what was answered."""

import json
import threading

import pytest

from imagenet_real.errors import InputError
from imagenet_real.raters.vote_files import load_votes
from imagenet_real.review_app.rating import Rating
from imagenet_real.review_app.store import Store
from tests.review_app import small


@pytest.fixture
def folder(tmp_path):
    small.write(tmp_path)
    (tmp_path / "tasks.json").write_text(small.tasks())
    return tmp_path


def answer_tasks(client, rater, stop=None):
    """Answers all tasks that a rater is given, `yes` to class 0 and `no` to the other; their numbers."""
    done = []
    while len(done) != stop:
        task = client.json("/api/task", name=rater)
        if task["task"] is None:
            break
        answers = {label["class"]: "no" if label["class"] else "yes" for label in task["labels"]}
        client.json("/api/answer", {"task": task["task"], "answers": answers, "seconds": 4.0}, name=rater)
        done.append(task["task"])
    return done


def votes_of(folder):
    store = Store(folder / "answers.sqlite")
    (folder / "votes.json").write_text(Rating(folder / "tasks.json", store).as_votes())
    store.close()
    return json.loads((folder / "votes.json").read_text())["votes"]


def test_three_raters_at_once(folder):
    done = {}
    with small.rating_server(folder) as client:
        threads = [
            threading.Thread(target=lambda name=name: done.update({name: answer_tasks(client, name)})) for name in "ABC"
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    everyone = sorted(number for numbers in done.values() for number in numbers)
    assert all(0 in numbers for numbers in done.values())  # gold goes to all
    assert [everyone.count(number) for number in range(6)] == [3, 2, 2, 2, 2, 2]
    votes = votes_of(folder)
    assert len(votes) == 2 * len(everyone)
    assert {(vote["class"] == 0, vote["answer"]) for vote in votes} == {(True, "yes"), (False, "no")}
    assert {vote["seconds"] for vote in votes} == {2.0}  # those of a task, divided among its labels
    loaded = load_votes(folder / "votes.json")
    assert len(loaded.answer) == len(votes)


def test_gold_does_not_show(folder):
    with small.rating_server(folder) as client:
        shown = []
        for _ in range(2):
            status, content, headers = client.ask("/api/task", name="Ada")
            shown.append((status, sorted(json.loads(content)), sorted(headers)))
            task = json.loads(content)
            answers = dict.fromkeys([label["class"] for label in task["labels"]], "no")
            client.json("/api/answer", {"task": task["task"], "answers": answers, "seconds": 1}, name="Ada")
        assert shown[0] == shown[1]  # the first is gold, the second is not
        assert "gold" not in json.dumps(shown)
        for path in ("/export/votes.json", "/tasks.json", "/export/mistakes.json", "/static/tasks.json"):
            assert client.ask(path)[0] == 404


def test_tasks_that_were_shared_out(folder):
    (folder / "tasks.json").write_text(small.tasks({"rater001": [3, 0], "rater002": [0]}))
    with small.rating_server(folder) as client:
        assert "rater9 has no tasks" in client.refused("/api/task", name="rater9")
        assert answer_tasks(client, "rater001") == [3, 0]
        answers = {"0": "yes", "1": "no"}
        assert "task 3 is not rater002's" in client.refused(
            "/api/answer", {"task": 3, "answers": answers}, name="rater002"
        )
        assert client.json("/api/task", name="rater002")["total"] == 1


def test_the_last_answer_can_be_corrected(folder):
    with small.rating_server(folder) as client:
        assert client.json("/api/task", name="Ada", back=1)["task"] is None
        assert answer_tasks(client, "Ada", stop=2) == [0, 1]
        last = client.json("/api/task", name="Ada", back=1)
        assert (last["task"], last["answers"]) == (1, {"0": "yes", "2": "no"})
        client.json("/api/answer", {"task": 1, "answers": {"0": "maybe", "2": "no"}, "seconds": 1}, name="Ada")
    votes = votes_of(folder)
    assert len(votes) == 4
    assert [vote["answer"] for vote in votes if vote["image_id"] == "b"] == ["maybe", "no"]


def test_a_skipped_task_comes_again_at_the_end(folder):
    with small.rating_server(folder) as client:
        first = client.json("/api/task", name="Ada")["task"]
        shown = [client.json("/api/task", name="Ada", skip=first)["task"]]
        while shown[-1] != first:
            task = client.json("/api/task", name="Ada")
            answers = {row["class"]: "yes" for row in task["labels"]}
            client.json("/api/answer", {"task": task["task"], "answers": answers, "seconds": 1}, name="Ada")
            shown.append(client.json("/api/task", name="Ada")["task"])
        assert sorted(shown) == list(range(6))
        assert client.json("/api/task", name="Ada", skip=first)["task"] == first  # none is left beside it
        assert client.json("/api/task", name="Ada", skip=999_999)["task"] == first


def test_a_task_that_was_shown_is_kept_for_a_while(folder, monkeypatch):
    (folder / "tasks.json").write_text(small.tasks(per_task=1, gold=(), count=2))
    with small.rating_server(folder) as client:
        assert [client.json("/api/task", name=name)["task"] for name in "AABC"] == [0, 0, 1, None]
        monkeypatch.setattr("imagenet_real.review_app.rating.RESERVATION_SECONDS", -1.0)
        assert [client.json("/api/task", name=name)["task"] for name in "AC"] == [0, 0]


def test_a_rater_goes_on_after_the_server_was_started_again(folder):
    with small.rating_server(folder) as client:
        assert answer_tasks(client, "Ada", stop=2) == [0, 1]
    with small.rating_server(folder) as client:
        task = client.json("/api/task", name="Ada")
        assert (task["task"], task["done"]) == (2, 2)
        assert client.json("/api/task", name="Ada", back=1)["task"] == 1


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"task": 9, "answers": {"0": "yes"}}, "there is no task 9"),
        ({"task": 0, "answers": {"0": "yes"}}, "for each of the 2 labels"),
        ({"task": 0, "answers": {"0": "yes", "1": "often"}}, "expected no, maybe, yes"),
        ({"task": 0, "answers": {"x": "yes"}}, "expected task and answers"),
        ({"task": True, "answers": {}}, "expected task and answers"),
    ],
)
def test_what_is_refused(folder, body, message):
    with small.rating_server(folder) as client:
        assert message in client.refused("/api/answer", body, name="Ada")


def test_files_that_are_no_tasks(folder):
    store = Store(folder / "answers.sqlite")
    with pytest.raises(InputError, match="raters_per_task is missing"):
        Rating(folder / "mistakes.json", store)
    (folder / "tasks.json").write_text(small.tasks(count=0))
    with pytest.raises(InputError, match="has no task"):
        Rating(folder / "tasks.json", store)
    store.close()
