"""What surrounds a training loop: order of the data, log, folders, settings, verdict, progress."""

import json
import math
import re
import sys

import numpy as np
import pytest
from small_run import DATA, Config, train

import minigen
from minigen import Generator, nn
from minigen.data import DataLoader, epoch_order
from minigen.train import About, Demo, DivergenceError, Launch, Run, UsageError, checkpoint
from minigen.train.demo import as_typed
from minigen.train.progress import Progress
from minigen.train.settings import field_comments, parse, settings
from minigen.train.verdict import verdict


def test_an_epoch_visits_every_sample_once_in_the_order_of_seed_and_epoch(tmp_path):
    numbers = np.arange(10)[:, None]
    with Run(Demo(out=str(tmp_path), seed=3), "order") as run:
        seen = [x.numpy()[:, 0] for x in run.batches(numbers, 4, 2)]
    assert [len(x) for x in seen] == [4, 4, 2, 4, 4, 2]
    np.testing.assert_array_equal(np.concatenate(seen[:3]), epoch_order(10, 3, 0))
    np.testing.assert_array_equal(np.concatenate(seen[3:]), epoch_order(10, 3, 1))
    with Run(Demo(out=str(tmp_path), seed=3), "order") as run:
        by_steps = [x.numpy()[:, 0] for x in run.batches(numbers, 4, steps=4)]
    for a, b in zip(seen, by_steps, strict=False):
        np.testing.assert_array_equal(a, b)
    assert len(by_steps) == 4


@pytest.mark.parametrize(("total", "times"), [(1, 1), (7, 7), (15, 10), (99, 10), (400, 10)])
def test_every_is_spread_evenly_and_soon(tmp_path, total, times):
    with Run(Demo(out=str(tmp_path)), "every") as run:
        marks = [run.step + 1 for _ in run.batches(DATA, 30, steps=total) if run.every(0.1)]
    assert len(marks) == times
    assert marks[0] <= max(1, total / 10)
    assert marks[-1] == total


def test_log_writes_a_line_a_step_with_all_terms(tmp_path):
    with Run(Demo(out=str(tmp_path)), "log") as run:
        for x in run.batches(DATA, 10, 1):
            run.log(a=x.sum())
            run.log(b=run.step / 2)
        lines = [json.loads(line) for line in run.metrics.read_text().splitlines()]
    batches = np.split(DATA[epoch_order(30, 0, 0)], 3)
    assert [line["step"] for line in lines] == [1, 2, 3]
    np.testing.assert_allclose([line["a"] for line in lines], [b.sum() for b in batches], rtol=1e-6)
    assert [line["b"] for line in lines] == [0, 0.5, 1]


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_stops_the_run_and_names_the_step(tmp_path, value):
    with pytest.raises(DivergenceError, match=r"loss is (nan|inf) at step 7") as caught:
        train(Config(out=str(tmp_path)), at_step=7, do=lambda run: run.log(loss=value))
    assert "last good checkpoint: step 1" in caught.value.__notes__[0]
    assert "small-1" in caught.value.__notes__[0]
    assert checkpoint.load(tmp_path / "small-1" / "checkpoint.safetensors")["run"]["step"] == 1


def test_evaluation_switches_modules_and_gradients_and_back(tmp_path):
    model = nn.Sequential(nn.Linear(6, 6), nn.Dropout(0.5))
    model[0].eval()                         # frozen on purpose: it has to stay so
    with Run(Demo(out=str(tmp_path)), "mode", model=model, rng=Generator()) as run:
        with run.evaluation():
            assert not model.training
            assert not model[1].training
            assert not model(minigen.ones(2, 6)).requires_grad
        assert (model.training, model[0].training, model[1].training) == (True, False, True)
        # uneven batches, the last smaller: each sample counts once
        assert run.mean(lambda x: x.mean(), DATA, batch=7) == pytest.approx(DATA.mean(), rel=1e-6)
        seen = run.outputs(lambda x, y: x - 2 * y, DATA, DATA + 1, batch=7)
        np.testing.assert_array_equal(seen, DATA - 2 * (DATA + 1))
        rows = run.outputs(model, DATA, batch=7)            # without dropout: a row at a time is it
        np.testing.assert_allclose(rows[5], run.outputs(model, DATA[5:6])[0], rtol=1e-5)


def test_runs_get_folders_of_their_own(tmp_path):
    (tmp_path / "small-1").mkdir()
    for _ in range(2):
        with Run(Config(out=str(tmp_path), seed=5, label="x"), "small") as run:
            pass
    assert run.folder == tmp_path / "small-3"
    written = json.loads((run.folder / "config.json").read_text())
    assert written["demo"] == "small"
    assert written["seed"] == 5
    assert written["settings"] == {"batch": 8, "lr": 0.01, "sizes": [6, 5], "label": "x",
                                   "warmup": 0, "fast": False}


def test_misuse_is_explained(tmp_path):
    config = Config(out=str(tmp_path))
    with Run(config, "small") as run:
        with pytest.raises(TypeError, match="epochs or steps, one of the two"):
            next(run.batches(DATA, 8))
        with pytest.raises(TypeError, match="epochs or steps, one of the two"):
            next(run.batches(DATA, 8, 1, steps=1))
        with pytest.raises(UsageError, match="batch is 0: it must be at least 1"):
            next(run.batches(DATA, 0, 1))
        for data, batch in ((DATA, None), (DataLoader(DATA, 8), 8)):
            with pytest.raises(TypeError, match="arrays and a batch size, or a DataLoader alone"):
                next(run.batches(data, batch, 1))
        for _ in run.batches(DATA, 8, 1):
            pass
        with pytest.raises(RuntimeError, match="one training loop"):
            next(run.batches(DATA, 8, 1))
    with pytest.raises(ValueError, match="'run' is the checkpoint's own part"):
        Run(config, "small", run=nn.Linear(1, 1))
    with pytest.raises(UsageError, match=r"is a file; give a folder"):
        Run(Config(out=__file__), "small")
    with pytest.raises(UsageError, match=r'"cpu", "gpu" or "gpu:1"'):
        Run(Config(device="tpu", out=str(tmp_path)), "small")
    with pytest.raises(UsageError, match="--seed -1: it must be at least 0"):
        Run(Config(seed=-1, out=str(tmp_path)), "small")
    assert not (tmp_path / "small-2").exists()      # nothing half-written


# Settings ---------------------------------------------------------------------------------------


def test_comments_behind_fields_are_their_help():
    assert field_comments(Config)["sizes"] == "of the layers; a comment with a # in it"
    assert list(settings(Config)) == ["batch", "lr", "sizes", "label", "warmup", "fast"]
    assert all(comment for comment in field_comments(Demo).values())


@pytest.mark.parametrize(("text", "value"), [
    ("batch=16", 16), ("lr=1e-4", 1e-4), ("lr=0", 0.0), ("sizes=3,4", (3, 4)), ("sizes=3", (3,)),
    ("label=a=b", "a=b"), ("label=none", None), ("warmup=0", 0), ("fast=true", True),
    ("fast=False", False), (" batch = 2 ", 2),
])
def test_settings_are_parsed_by_their_type(text, value):
    name, parsed = parse(Config, text)
    assert name == text.split("=")[0].strip()
    assert parsed == value
    assert type(parsed) is type(value)
    assert parse(Config, f"{name}={as_typed(value)}") == (name, value)


@pytest.mark.parametrize(("text", "message"), [
    ("batch", "write it as name=value"),
    ("bach=3", "no setting 'bach'; did you mean 'batch'? (batch, lr,"),
    ("batch=3.5", "'3.5' is not a whole number"),
    ("batch=0", "batch must be at least 1"),
    ("sizes=4,0", "sizes must be at least 1"),
    ("warmup=-1", "warmup must be at least 0"),
    ("lr=-1", "lr must be at least 0"),
    ("lr=nan", "lr must be at least 0"),
    ("lr=fast", "'fast' is not a number"),
    ("sizes=3;4", "'3;4' is not whole numbers with commas between"),
    ("fast=1", "'1' is not true or false"),
    ("seed=3", "seed has an option of its own, --seed VALUE"),
])
def test_wrong_settings_are_explained(text, message):
    with pytest.raises(UsageError, match=re.escape(message)):
        parse(Config, text)


# The verdict ------------------------------------------------------------------------------------

ABOUT = About(1, "X-01", "fr", "en", "minigen.models", "error", {"tiny": 0.5})
RECORDED = {"value": 0.4, "sd": 0.01, "seeds": 3}


def judged(value, changed=(), data=None, recorded=RECORDED, about=ABOUT):
    launch = Launch(about, "tiny", changed, recorded, "minigen demo x")
    return verdict(Config(launch=launch, data=data), {"error": value, "other": 1.0})


def test_verdict_compares_with_the_bar_both_ways():
    assert judged(0.5) == ("✓ error 0.5, bar ≤ 0.5; recorded 0.4 ± 0.01 over 3 seeds", 0)
    assert judged(0.51) == ("✗ error 0.51, bar ≤ 0.5; recorded 0.4 ± 0.01 over 3 seeds", 1)
    assert judged(math.nan)[1] == 1
    higher = About(1, "X-01", "fr", "en", "m", "error", {"tiny": 0.5}, better="higher")
    assert judged(0.51, about=higher)[1] == 0
    assert judged(0.49, about=higher)[1] == 1
    assert "not yet recorded" in judged(0.4, recorded=None)[0]


def test_verdict_without_reference_says_so():
    assert judged(9.0, changed=("lr", "batch")) == (
        "settings changed (lr, batch): no recorded reference to compare with", 0)
    assert judged(9.0, data="pictures") == (
        "your own data: there is no recorded reference to compare with", 0)
    assert verdict(Config(), {})[1] == 0
    with pytest.raises(ValueError, match="error, the metric of this demo's record, is missing"):
        verdict(Config(launch=Launch(ABOUT, "tiny", (), None, "")), {"mse": 1.0})


# Progress ---------------------------------------------------------------------------------------


def test_progress_without_a_terminal_writes_a_line_a_tenth(capsys):
    progress = Progress(50, 0)
    for _ in range(50):
        if progress.advance():
            progress.show({"loss": 0.12344})
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 10
    assert re.fullmatch(r"step 50/50  loss 0\.1234  \d.*steps/s  00:00 left", lines[-1])


def test_progress_on_a_terminal_is_a_bar(monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    progress = Progress(4, 2)
    while progress.step < 4:
        if progress.advance():
            progress.show({"loss": 0.5})
    progress.write("figure: x.png")
    progress.close()
    captured = capsys.readouterr()
    assert "4/4" in captured.err
    assert "loss 0.5" in captured.err
    assert captured.out == "figure: x.png\n"


def test_built_in_data_keep_their_name_though_a_folder_has_it_too(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("mnist", "holidays"):
        (tmp_path / name).mkdir()
    assert Config(data="mnist").description("small")["data"] == "mnist"
    assert Config(data="holidays").description("small")["data"] == str(tmp_path / "holidays")
