"""A process killed at any moment leaves whole files, and a run that goes on as if nothing happened.

Idea: forked children die by SIGKILL, which nothing can catch: before each single line of the code
that writes, and at moments that the clock chooses.
"""

import json
import os
import signal
import sys
import time
from math import inf
from pathlib import Path

import numpy as np
import pytest
from small_run import Config, folder_bytes, train

import minigen.train
from minigen.train import checkpoint, run
from minigen.train.files import replacing, write_json

forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork a process")
WRITING = str(Path(minigen.train.__file__).parent)


def killed(do, line=None, seconds=None, since=None):
    """Run do() in a child that dies before its `line`-th line of minigen.train, or some seconds
    after the file `since` was there.   -> whether it died of that; else it was done before
    """
    child = os.fork()
    if child == 0:
        try:
            sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115  until it dies
            if line is not None:
                _die_before(line)
            do()
        finally:
            os._exit(0 if sys.exc_info()[0] is None else 1)
    if seconds is not None:
        while not since.exists():
            time.sleep(0.001)
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, -signal.SIGKILL)
    return status == -signal.SIGKILL


def _die_before(line):
    left = line

    def trace(frame, event, argument):
        nonlocal left
        if not frame.f_code.co_filename.startswith(WRITING):
            return None
        left -= event == "line"
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return trace

    sys.settrace(trace)


def states(number, size=50):
    """A checkpoint's content in which everything says the same number."""
    arrays = {name: np.full(size, number) for name in "abc"}
    return {"part": {**arrays, "step": number}, "run": {"step": number}}


def number_in(path):
    """The number that the checkpoint's content agrees on."""
    saved = checkpoint.load(path)
    numbers = {saved["run"]["step"], saved["part"]["step"]}
    for name in "abc":
        numbers.update(np.unique(saved["part"][name]))
    (number,) = numbers
    return number


@forks
def test_killed_before_any_line_of_a_save_the_old_or_the_new_checkpoint_is_whole(tmp_path):
    path = tmp_path / "c"
    found = []
    for line in range(1, 200):
        checkpoint.save(path, states(1))
        died = killed(lambda: checkpoint.save(path, states(2)), line)
        found.append(number_in(path))
        if not died:
            break
    assert len(found) > 15                                      # so many lines were died before
    assert found == sorted(found)                               # old before the renaming, then new
    assert found[0] == 1
    assert found[-2:] == [2, 2]                                 # also while it tidied up


@forks
def test_killed_at_any_time_of_many_saves_the_last_one_announced_is_there(tmp_path):
    path, told = tmp_path / "c", tmp_path / "told"
    checkpoint.save(path, states(0))
    number = 0

    def keep_saving():
        for new in range(number + 1, 1_000_000):
            checkpoint.save(path, states(new, 50_000))          # 1 MB: most kills come within
            with replacing(told) as temporary:
                temporary.write_text(str(new))

    for seconds in np.random.default_rng(0).uniform(0, 0.06, 8):
        told.unlink(missing_ok=True)
        assert killed(keep_saving, seconds=seconds, since=told)
        assert number < int(told.read_text()) <= number_in(path)
        number = number_in(path)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The weights and the folder of a run that nobody killed."""
    out = tmp_path_factory.mktemp("whole")
    return train(Config(out=str(out))), out / "small-1"


@forks
@pytest.mark.parametrize("line", [2000, 5000, 11000])
def test_a_run_killed_at_any_line_goes_on_to_the_same_numbers(tmp_path, monkeypatch, line,
                                                              undisturbed):
    monkeypatch.setattr(run, "SAVE_EVERY", 0.0)
    monkeypatch.setattr(run, "SAVE_SHARE", inf)              # after each step
    assert killed(lambda: train(Config(out=str(tmp_path))), line)
    folder = tmp_path / "small-1"
    assert 1 <= checkpoint.load(folder / "checkpoint.safetensors")["run"]["step"] <= 12
    resumed = train(Config(out=str(tmp_path), resume=str(folder)))
    for a, b in zip(undisturbed[0], resumed, strict=True):
        np.testing.assert_array_equal(a, b)
    assert folder_bytes(undisturbed[1]) == folder_bytes(folder)


def test_replacing_leaves_the_old_file_when_the_new_one_fails(tmp_path):
    path = tmp_path / "a.json"
    write_json(path, {"é": 1})

    def write_half():
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_half()
    assert json.loads(path.read_text(encoding="utf-8")) == {"é": 1}
    assert list(tmp_path.iterdir()) == [path]
