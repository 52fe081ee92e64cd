"""The short versions of the campaigns."""

import pathlib

import pytest

from tests.campaigns import kills, review_server
from tests.golden.programs import Command, Session

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def campaign(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kills")
    return kills.Campaign(Session(folder / "session"), folder, seed=1)


@pytest.fixture(scope="module")
def chosen(campaign):
    """The runs by name; that of every random change reads its images in threads, which start sooner than processes."""
    training, others = kills.runs(campaign.session, campaign.folder)
    short = Command("augmented", "train_digits", {**kills.AUGMENTED, "steps": 16, "workers": 0})
    augmented = kills.Run(campaign.session, "train", short, campaign.folder)
    return {**dict(training), **dict(others), "train augmented": augmented}


def test_killed_programs_continue_to_the_same_files(campaign, chosen):
    for name, count in (("train augmented", 2), ("score models", 1)):
        campaign.disturb(name, chosen[name], count)
    assert campaign.counts.total()
    assert campaign.faults == []


def test_programs_continue_after_a_full_disk(campaign, chosen):
    for name in ("train augmented", "score models", "aggregate calibrated"):
        campaign.fill(name, chosen[name])
    assert campaign.faults == []


def test_no_acknowledged_answer_is_lost(tmp_path: pathlib.Path):
    pytest.importorskip("uvicorn", reason="uvicorn is not installed (the extra review): the server is not attacked")
    world = review_server.World(tmp_path, images=400, seed=1)
    for attack in (review_server.kill_and_cut_the_log_of_the_database, review_server.overwrite_a_page):
        world.round(attack, seconds=0.5)
    assert world.acknowledged
    assert world.lost() == []
    assert not [status for status in world.statuses if status >= 500 and status != 503]
