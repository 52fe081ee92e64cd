"""Results on the disk while the answers come."""

import time

from imagenet_real.review_app import written_files


def wait_for(condition):
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_each_change_is_written_once(monkeypatch):
    monkeypatch.setattr(written_files, "SECONDS_BETWEEN", 0.01)
    changes, written = [0], []
    with written_files.kept_written(lambda: changes[0], lambda: written.append(changes[0])):
        time.sleep(0.05)
        assert written == []
        changes[0] = 1
        wait_for(lambda: written == [1])
        changes[0] = 2
        wait_for(lambda: written == [1, 2])
        time.sleep(0.05)
    assert written == [1, 2]


def test_a_full_disk_does_not_end_the_writing(monkeypatch, capsys):
    monkeypatch.setattr(written_files, "SECONDS_BETWEEN", 0.01)
    changes, tries = [0], []

    def write():
        tries.append(1)
        if len(tries) == 1:
            raise OSError(28, "No space left on device")

    with written_files.kept_written(lambda: changes[0], write):
        changes[0] = 1
        wait_for(lambda: len(tries) == 2)
    assert "could not be written (No space left on device); trying again" in capsys.readouterr().err
