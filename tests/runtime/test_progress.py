"""How far long work is: lines in a log by a fake clock, and a bar on a terminal."""

import io
import sys

import pytest

from imagenet_real.runtime import progress
from imagenet_real.runtime.progress import Progress, track


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self):
        self.seconds = 1000.0

    def __call__(self):
        return self.seconds

    def wait(self, seconds):
        self.seconds += seconds


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(progress, "now", clock)
    return clock


def lines(capsys):
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "\r" not in shown.err
    return shown.err.splitlines()


def test_a_log_gets_a_line_every_30_seconds_and_one_at_the_end(clock, capsys):
    with Progress(6000, "images", "predicting") as shown:
        for _ in range(2400):  # 40 images a second
            clock.wait(0.0625)
            shown.advance(2.5)
    assert lines(capsys) == [
        *(
            f"predicting: {done:,} of 6,000 images, 40.0 images/s, {left} left"
            for done, left in [
                (1200, "0:02:00"),
                (2400, "0:01:30"),
                (3600, "0:01:00"),
                (4800, "0:00:30"),
                (6000, "0:00:00"),
            ]
        ),
        "predicting: 6,000 of 6,000 images, 40.0 images/s, took 0:02:30",
    ]


def test_earlier_runs_count_but_not_for_the_speed(clock, capsys):
    with Progress(50_000, "images", "predicting", done=40_000) as shown:
        clock.wait(31)
        shown.advance(3100)
    first, last = lines(capsys)
    assert first == "predicting: 43,100 of 50,000 images, 100 images/s, 0:01:09 left"
    assert last == "predicting: 43,100 of 50,000 images, 100 images/s, took 0:00:31"


def test_a_compilation_counts_for_no_image(clock, capsys):
    with Progress(100, "images", "compiling") as shown:
        clock.wait(60)
        shown.describe("predicting")
        shown.restart_clock()
        clock.wait(10)
        shown.advance(20)
    assert lines(capsys) == [
        "predicting: 20 of 100 images, 2.0 images/s, 0:00:40 left",
        "predicting: 20 of 100 images, 2.0 images/s, took 0:01:10",
    ]


def test_a_note_ends_the_line(clock, capsys):
    with Progress(90.0, "epochs", "0 of 2 runs") as shown:
        clock.wait(30)
        shown.describe("1 of 2 runs", "loss 0.125")
        shown.reach(45.4)
    first, last = lines(capsys)
    assert first == "1 of 2 runs: 45 of 90 epochs, 1.5 epochs/s, 0:00:29 left, loss 0.125"
    assert last.endswith("took 0:00:30, loss 0.125")


def test_nothing_to_do_has_no_speed(clock, capsys):
    with Progress(7, "images", "predicting", done=7):
        pass
    assert lines(capsys) == ["predicting: 7 of 7 images, took 0:00:00"]


def test_work_that_ends_before_its_delay_shows_nothing(clock, capsys):
    assert list(track("abc", 3, "files", "indexing", delay=2.0)) == ["a", "b", "c"]
    assert lines(capsys) == []


def test_items_are_counted(clock, capsys):
    for _ in track("abc", 3, "files", "indexing", delay=2.0):
        clock.wait(15)
    assert lines(capsys) == [
        "indexing: 2 of 3 files, 0.1 files/s, 0:00:15 left",
        "indexing: 3 of 3 files, 0.1 files/s, took 0:00:45",
    ]


def test_other_processes_show_nothing(clock, capsys):
    with Progress(7, "images", "predicting", visible=False) as shown:
        clock.wait(60)
        shown.advance(7)
    assert lines(capsys) == []


def test_an_error_leaves_how_far_it_came(clock, capsys):
    def interrupted():
        with Progress(7, "images", "predicting") as shown:
            shown.advance(3)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert lines(capsys) == ["predicting: 3 of 7 images, took 0:00:00"]


@pytest.mark.parametrize(("total", "end"), [(8, "8/8"), (8.0, "8/8 images")])
def test_a_terminal_gets_a_bar(total, end, monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with Progress(total, "images", "predicting") as shown:
        shown.describe("predicting", "loss 0.125")
        shown.advance(8)
    shown = terminal.getvalue()
    assert "predicting: 100%|" in shown
    assert end in shown
    assert "loss 0.125" in shown
    assert " of " not in shown
