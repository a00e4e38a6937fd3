"""A run can be stopped at any moment and continued as if nothing had happened.

The demo here is a small network with dropout and noise, so that the weights, the optimizer, the
order of the data and three streams of random numbers all have to come back.
"""

import json
import math
import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open

import minigen
from minigen import Generator, draw, nn, optim
from minigen.data import epoch_order
from minigen.train import About, Demo, DivergenceError, Launch, Run, UsageError, checkpoint
from minigen.train.files import replacing, write_json
from minigen.train.progress import Progress
from minigen.train.settings import field_comments, parse, settings, show
from minigen.train.verdict import verdict

DATA = np.random.default_rng(0).random((30, 6), dtype=np.float32)


@dataclass
class Config(Demo):
    batch: int = 8                      # samples a step
    lr: float = 0.01                    # step size
    sizes: tuple[int, ...] = (6, 5)     # of the layers; a comment with a # in it
    label: str | None = None            # a text, or none
    warmup: int = 0                     # steps
    fast: bool = False                  # yes or no


def train(config, epochs=3, at_step=None, do=None):
    """Train the small network; `do(run)` happens in the body of step `at_step`. -> its weights"""
    dropout = config.rng("dropout")     # a generator that is a part of the run
    model = nn.Sequential(
        nn.Linear(6, 16, rng=config.rng("weights")), nn.Dropout(0.3, rng=dropout), nn.Dropout(0.1),
        nn.Linear(16, 6, rng=config.rng("more weights")))
    optimizer = optim.Adam(model.parameters(), lr=config.lr)
    with Run(config, "small", model=model, optimizer=optimizer, dropout=dropout) as run:
        run.rng.normal(3)               # drawn before the loop: drawn again when resumed
        for x in run.batches(DATA, config.batch, epochs):
            noisy = x + run.rng.normal(x.shape, std=0.1)
            loss = ((model(noisy) - x) ** 2).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            run.log(loss=loss, lr=config.lr)
            if run.every(0.25):
                run.figure("codes", draw.scatter(model(x)[:, :2].detach()))
            if run.step + 1 == at_step:
                do(run)
    return [p.detach().numpy().copy() for p in model.parameters()]


def interrupt(run, number=signal.SIGINT):
    os.kill(os.getpid(), number)


def folder_bytes(folder):
    """{file: bytes} of what must not depend on whether a run was interrupted."""
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.suffix in (".jsonl", ".png")}


@pytest.mark.parametrize("stop", [1, 4, 5, 12])     # an epoch has 4 steps; 12 is the last
def test_resumed_run_is_the_same_bit_for_bit(tmp_path, stop, capsys):
    whole = train(Config(out=str(tmp_path / "whole")))
    with pytest.raises(KeyboardInterrupt):
        train(Config(out=str(tmp_path / "cut")), at_step=stop, do=interrupt)
    folder = tmp_path / "cut" / "small-1"
    assert f"saved after step {stop} of 12" in capsys.readouterr().out
    minigen.manual_seed(99)             # the default generator's state has to come back as well
    resumed = train(Config(out=str(tmp_path / "cut"), resume=str(folder)))
    for a, b in zip(whole, resumed, strict=True):
        np.testing.assert_array_equal(a, b)
    assert folder_bytes(tmp_path / "whole" / "small-1") == folder_bytes(folder)
    assert len((folder / "metrics.jsonl").read_text().splitlines()) == 12


def test_sigterm_saves_too(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        train(Config(out=str(tmp_path)), at_step=3, do=lambda r: interrupt(r, signal.SIGTERM))
    saved = checkpoint.load(tmp_path / "small-1" / "checkpoint.safetensors")
    assert saved["run"]["step"] == 3


def test_second_interrupt_stops_at_once_and_keeps_the_last_checkpoint(tmp_path):
    def twice(run):
        interrupt(run)
        interrupt(run)
        pytest.fail("the second one must raise")

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        train(Config(out=str(tmp_path)), at_step=6, do=twice)
    saved = checkpoint.load(tmp_path / "small-1" / "checkpoint.safetensors")
    assert saved["run"]["step"] == 1        # the first step's; the next was not due yet
    assert signal.getsignal(signal.SIGINT) is before


def test_resuming_drops_what_a_crash_left_after_the_checkpoint(tmp_path):
    whole = train(Config(out=str(tmp_path / "whole")))
    with pytest.raises(KeyboardInterrupt):
        train(Config(out=str(tmp_path)), at_step=5, do=interrupt)
    with open(tmp_path / "small-1" / "metrics.jsonl", "ab") as file:
        file.write(b'{"step": 6, "loss": 1.0}\n{"step": 7, "lo')
    resumed = train(Config(out=str(tmp_path), resume=str(tmp_path / "small-1")))
    np.testing.assert_array_equal(whole[0], resumed[0])
    assert folder_bytes(tmp_path / "whole" / "small-1") == folder_bytes(tmp_path / "small-1")


KILLED_WHILE_SAVING = """
import os, signal, sys
sys.path[:0] = [{root!r}, {tests!r}]
import minigen, test_train as t
from minigen.train import files
def second_save(run):
    def die(source, target):
        assert os.path.getsize(source) > 1000
        os.kill(os.getpid(), signal.SIGKILL)
    files.os.replace = die
    t.interrupt(run)
t.train(t.Config(out={out!r}), at_step=5, do=second_save)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL on this system")
def test_killed_in_the_middle_of_a_save_leaves_the_last_checkpoint(tmp_path):
    here = Path(__file__).parent
    code = KILLED_WHILE_SAVING.format(root=str(here.parent), tests=str(here), out=str(tmp_path))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    folder = tmp_path / "small-1"
    assert list(folder.glob(".checkpoint.safetensors.*.part"))      # what the dead one was writing
    assert checkpoint.load(folder / "checkpoint.safetensors")["run"]["step"] == 1
    whole = train(Config(out=str(tmp_path / "whole")))
    resumed = train(Config(out=str(tmp_path), resume=str(folder)))
    np.testing.assert_array_equal(whole[0], resumed[0])


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


def test_checkpoint_gives_back_names_dtypes_shapes_and_layouts(tmp_path):
    strided = np.arange(12.0).reshape(3, 4).T
    state = {"w": minigen.tensor(strided), "n": np.full((), 3),
             "half": np.ones((2, 0), np.float16), "lr": 0.1, "betas": [0.9, None], "name": "é"}
    checkpoint.save(tmp_path / "c", {"part": state, "empty": {}})
    back = checkpoint.load(tmp_path / "c")
    assert back["empty"] == {}
    assert {k: back["part"][k] for k in ("lr", "betas", "name")} == {
        "lr": 0.1, "betas": [0.9, None], "name": "é"}
    for name in ("w", "n", "half"):
        expected = np.asarray(state[name])
        assert back["part"][name].dtype == expected.dtype
        np.testing.assert_array_equal(back["part"][name], expected)
        assert back["part"][name].shape == expected.shape
    with safe_open(tmp_path / "c", framework="numpy") as file:      # any tool can read the weights
        assert sorted(file.keys()) == ["part.half", "part.n", "part.w"]


def test_checkpoint_errors_name_the_file(tmp_path):
    with pytest.raises(UsageError, match=r"gone.*no such file"):
        checkpoint.load(tmp_path / "gone")
    checkpoint.save(tmp_path / "c", {"part": {"w": np.ones(100)}})
    (tmp_path / "cut").write_bytes((tmp_path / "c").read_bytes()[:-50])
    with pytest.raises(UsageError, match=r"cut: not a checkpoint"):
        checkpoint.load(tmp_path / "cut")


def test_resuming_something_else_is_refused(tmp_path):
    train(Config(out=str(tmp_path)), epochs=1)
    config = Config(out=str(tmp_path), resume=str(tmp_path / "small-1"))
    with pytest.raises(UsageError, match=r"holds .*dropout.* and not \['model', 'run'\]"):
        Run(config, "small", model=nn.Linear(1, 1)).__enter__()
    generator, model = Generator(0), nn.Linear(1, 1)
    parts = {"model": model, "optimizer": optim.Adam(model.parameters()), "dropout": generator}
    with Run(config, "small", **parts) as run, pytest.raises(UsageError, match="30 samples, now"):
        next(run.batches(DATA[:20], 8, 1))
    (tmp_path / "small-1" / "metrics.jsonl").unlink()
    with pytest.raises(UsageError, match=r"metrics\.jsonl: lines are missing"):
        train(config, epochs=1)


def test_resuming_a_finished_run_trains_no_more(tmp_path):
    first = train(Config(out=str(tmp_path)))
    before = folder_bytes(tmp_path / "small-1")
    again = train(Config(out=str(tmp_path), resume=str(tmp_path / "small-1")))
    np.testing.assert_array_equal(first[0], again[0])
    assert folder_bytes(tmp_path / "small-1") == before


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


def test_nan_weights_never_replace_a_good_checkpoint(tmp_path):
    def spoil(run):
        minigen.assign(run.parts["model"][0].weight, math.nan)

    with pytest.raises(DivergenceError, match=r"0\.weight of model is NaN after step 12"):
        train(Config(out=str(tmp_path)), at_step=12, do=spoil)
    saved = checkpoint.load(tmp_path / "small-1" / "checkpoint.safetensors")
    assert np.isfinite(saved["model"]["0.weight"]).all()


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


def test_script_learns_how_to_resume(tmp_path, capsys):
    with pytest.raises(KeyboardInterrupt):
        train(Config(out=str(tmp_path)), at_step=2, do=interrupt)
    assert f"Config(..., resume={str(tmp_path / 'small-1')!r})" in capsys.readouterr().out


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
    assert parse(Config, f"{name}={show(value)}") == (name, value)


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
