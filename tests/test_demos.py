"""The demos and the commands around them, as a user meets them."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from minigen.demos.autoencoders import autoencoder, conv_autoencoder
from PIL import Image

from minigen import Generator, demos, draw, nn
from minigen.cli import bars, main
from minigen.cli import list as listing
from minigen.cli.demo import load
from minigen.models.autoencoders import conv, mlp
from minigen.train.settings import settings

ROOT = Path(__file__).resolve().parent.parent
MODULES = {"autoencoder": autoencoder, "conv-autoencoder": conv_autoencoder}


@pytest.fixture
def pictures(tmp_path):
    """A folder of 14 JPEGs of odd sizes, colour and grey."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "my pictures"
    folder.mkdir()
    for i in range(14):
        height, width = rng.integers(21, 70, 2)
        shape = (height, width) if i % 5 == 0 else (height, width, 3)
        Image.fromarray(rng.integers(0, 256, shape, np.uint8)).save(folder / f"{i}.jpg")
    return folder


@pytest.fixture
def file(tmp_path):
    """A small .npz of 40 grey pictures, to train on quickly."""
    path = tmp_path / "small.npz"
    np.savez(path, images=np.random.default_rng(0).integers(0, 256, (40, 12, 12), np.uint8))
    return path


# The catalogue ----------------------------------------------------------------------------------


def test_every_demo_declares_what_the_commands_need():
    assert set(demos.names()) >= set(MODULES)
    for name, path in demos.names().items():
        module = __import__(path, fromlist=["main"])
        assert "tiny" in module.PRESETS, name
        assert set(module.PRESETS) <= {"tiny", "cpu", "gpu"}, name
        assert set(module.ABOUT.bars) == set(module.PRESETS), name
        assert all(s.comment for s in settings(module.Config).values()), name
        for values in module.PRESETS.values():
            assert set(values) <= set(settings(module.Config)), name
        __import__(module.ABOUT.module)


def test_recorded_results_are_of_these_demos():
    recorded = json.loads(demos.RECORDED.read_text(encoding="utf-8"))
    assert set(recorded) <= set(demos.names())
    for name, results in recorded.items():
        about = load(name).ABOUT
        for preset, result in results.items():
            assert result["metric"] == about.metric
            assert result["bar"] == about.bars[preset]
            assert about.reached(result["value"], preset)
            assert set(result) == {"metric", "value", "sd", "bar", "seconds", "seeds", "device",
                                   "date"}


def test_convolutions_have_to_beat_the_fully_connected_network():
    dense = demos.recorded("autoencoder")["tiny"]["value"]
    assert conv_autoencoder.ABOUT.bars["tiny"] < dense
    assert conv_autoencoder.ABOUT.metric == autoencoder.ABOUT.metric
    rng = Generator()
    with nn.meta():
        few, many = (sum(p.numel() for p in model.parameters())
                     for model in (conv.ConvAutoEncoder(conv.Config(), rng=rng),
                                   mlp.AutoEncoder(mlp.Config(), rng=rng)))
    assert few < many


def test_list_json_has_the_schema(capsys):
    assert main(["list", "--json"]) == 0
    entries = {e["demo"]: e for e in json.loads(capsys.readouterr().out)}
    entry = entries["conv-autoencoder"]
    assert list(entry) == ["row", "item", "demo", "chapter", "fr", "en", "module", "presets",
                           "recorded"]
    assert entry["row"] == 29
    assert entry["item"] == "A-07"
    assert entry["chapter"] == "autoencoders"
    assert entry["module"] == "minigen.models.autoencoders.conv"
    assert entry["presets"] == ["tiny", "gpu"]
    assert entries["autoencoder"]["row"] == 23
    rows = [np.min(e["row"]) for e in entries.values() if e["row"] != []]
    assert rows == sorted(rows)
    *_, last = (e for e in entries.values() if e["chapter"] == "autoencoders")
    assert (last["item"], last["row"]) == ("A-19", [])      # no row: at the end of its chapter


def test_list_shows_names_presets_and_results(capsys, monkeypatch):
    result = {"metric": "mse_vs_pca", "value": 0.7, "sd": 0.01, "bar": 0.9, "seconds": 130.0,
              "seeds": 3, "device": "cpu: 2 cores of X", "date": "2026-01-01"}
    monkeypatch.setattr(demos, "recorded", lambda name: {"tiny": result} if "conv" in name else {})
    assert main(["list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    (line,) = [x for x in lines if "conv-autoencoder" in x]
    for word in ("autoencoders", "convolutional auto-encoder", "auto-encodeur convolutionnel",
                 "tiny", "mse_vs_pca 0.7 ± 0.01, bar ≤ 0.95", "2 min"):
        assert word in line
    (entry,) = [e for e in listing.catalogue() if e["demo"] == "conv-autoencoder"]
    assert entry["recorded"] == {"tiny": result}


# The command line -------------------------------------------------------------------------------


def test_demo_alone_lists_the_demos(capsys):
    assert main(["demo"]) == 0
    out = capsys.readouterr().out
    for name in MODULES:
        assert name in out
    assert "auto-encodeur convolutionnel" in out


def test_help_explains_every_setting(capsys):
    for name, module in MODULES.items():
        with pytest.raises(SystemExit) as end:
            main(["demo", name, "--help"])
        assert end.value.code == 0
        out = capsys.readouterr().out
        for setting in settings(module.Config).values():
            (line,) = [x for x in out.splitlines() if x.split()[:1] == [setting.name]]
            assert setting.comment in line
        for field in fields(module.Config):
            assert field.name == "launch" or field.name in out
    assert re.search(r"widths +16,32 +64,128,256 +channels of each level", out)
    assert module.__doc__.splitlines()[0] in out


@pytest.mark.parametrize(("arguments", "message"), [
    (["conv-autoencode"], "no demo 'conv-autoencode'; did you mean 'conv-autoencoder'?"),
    (["conv-autoencode", "--help"], "no demo 'conv-autoencode'; did you mean 'conv-autoencoder'?"),
    (["autoencoder", "--set", "epoch=3"], "no setting 'epoch'; did you mean 'epochs'?"),
    (["autoencoder", "--set", "epochs=x"], "--set epochs=x: 'x' is not a whole number"),
    (["autoencoder", "--set", "latent=0"], "latent must be at least 1"),
    (["autoencoder", "--preset", "tini"], "no such preset; did you mean 'tiny'? (tiny, gpu)"),
    (["conv-autoencoder", "--set", "size=4"], "digits: size 4 is too small to tell digits apart"),
    (["autoencoder", "--set", "size=8", "--set", "latent=64"],
     "--set latent=64: with 64 numbers, PCA copies digits without error"),
    (["autoencoder", "--device", "tpu"], "device 'tpu' is not known: use \"cpu\", \"gpu\""),
    (["autoencoder", "--seed", "-3"], "--seed -3: it must be at least 0"),
    (["autoencoder", "--data", "no-such-folder"], "no-such-folder: no such file or folder"),
    (["autoencoder", "--out", __file__], "test_demos.py is a file; give a folder"),
    (["autoencoder", "--resume", "no-such-run"], "--resume no-such-run: not the folder of a run"),
    (["autoencoder", "--resume", "x", "--seed", "0"], "leave out --seed"),
    (["autoencoder", "--resume", "x", "--set", "lr=1"], "leave out --set"),
])
def test_mistakes_are_explained_in_one_line(arguments, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    try:
        code = main(["demo", *arguments])
    except SystemExit as end:       # argparse's way
        code = end.code
    assert code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("minigen demo: ")
    assert message in line
    assert list(tmp_path.iterdir()) == []       # nothing half-written


def test_an_unknown_option_shows_the_usage_of_the_demo(capsys):
    with pytest.raises(SystemExit) as end:
        main(["demo", "autoencoder", "--foo"])
    assert end.value.code == 2
    usage, error = capsys.readouterr().err.split("minigen demo autoencoder: error: ")
    assert usage.startswith("usage: minigen demo autoencoder [-h]")
    assert "--resume RUN" in usage and "NAME" not in usage
    assert error == "unrecognized arguments: --foo\n"


@pytest.mark.parametrize(("shades", "message"), [
    ([0] * 40, "all pictures are the same"),                # nothing to learn
    (range(40), "PCA copies flat.npz without error"),       # one direction: no error to divide by
])
def test_pictures_that_vary_too_little_are_refused_before_training(
        shades, message, capsys, tmp_path):
    path = tmp_path / "flat.npz"
    np.savez(path, images=np.array(shades, np.uint8)[:, None, None] * np.ones((8, 8), np.uint8))
    for name in MODULES:
        assert main(["demo", name, "--data", str(path), "--out", str(tmp_path / "out")]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert message in line and "flat.npz" in line
    assert not (tmp_path / "out").exists()


def test_gpu_preset_without_a_gpu_says_what_to_install(capsys, monkeypatch, tmp_path):
    def missing():
        raise RuntimeError('device "gpu": CuPy is not installed. Install the extra')

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("minigen.backend.cupy.module", missing)
    assert main(["demo", "conv-autoencoder", "--preset", "gpu"]) == 2
    assert capsys.readouterr().err == (
        'minigen demo: device "gpu": CuPy is not installed. Install the extra\n')
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_ones_own_jpegs_trains(pictures, tmp_path, capsys):
    code = main(["demo", "conv-autoencoder", "--data", str(pictures), "--set", "steps=4",
                 "--set", "batch=5", "--set", "widths=4,4", "--out", str(tmp_path / "out")])
    out = capsys.readouterr().out
    assert code == 0
    assert "my pictures: 14 pictures" in out
    assert "your own data: there is no recorded reference to compare with" in out
    folder = tmp_path / "out" / "conv-autoencoder-1"
    report = json.loads((folder / "report.json").read_text())
    assert report["data"] == str(pictures)
    assert report["metrics"]["mse"] > 0
    for name in ("reconstructions", "feature-maps", "checkerboard", "training"):
        assert f"figure: {folder / name}.png" in out
        with Image.open(folder / f"{name}.png") as picture:
            assert min(picture.size) >= 150
            assert len(picture.convert("RGB").getcolors(1 << 24)) > 10      # not blank


def test_fully_connected_demo_draws_its_figures(pictures, tmp_path, capsys):
    code = main(["demo", "autoencoder", "--data", str(pictures), "--set", "epochs=2", "--set",
                 "size=17", "--set", "hidden=9,8", "--out", str(tmp_path)])
    out = capsys.readouterr().out
    assert code == 0
    assert "3x17x17" in out
    for name in ("reconstructions", "codes", "schema", "training"):
        with Image.open(tmp_path / "autoencoder-1" / f"{name}.png") as picture:
            assert len(picture.convert("RGB").getcolors(1 << 24)) > 10


def test_checkerboard_is_where_the_stride_does_not_divide_the_kernel():
    uneven, even, resized = (x.numpy() for x in conv_autoencoder.upsampled_ones().values())
    for result in (uneven, even, resized):
        assert result.shape == (12, 12)
    assert set(np.unique(uneven[2:-2, 2:-2])) == {1, 2, 4}
    assert (even[1:-1, 1:-1] == 4).all()
    assert (resized[1:-1, 1:-1] == 9).all()


def test_codes_of_two_numbers_are_drawn_as_they_are(monkeypatch):
    drawn = {}
    monkeypatch.setattr(draw, "scatter", lambda points, *rest: drawn.update(points=points))
    codes = np.random.default_rng(0).normal(size=(20, 2))
    autoencoder.code_map(codes, codes, SimpleNamespace(test_labels=None, classes=()))
    assert drawn["points"] is codes


def test_fisher_directions_find_what_tells_classes_apart():
    rng = np.random.default_rng(0)
    labels = np.arange(3000) % 3
    codes = rng.normal(size=(3000, 6)) * [50, 1, 20, 1, 5, 5]      # large where nothing is told
    codes[:, 1] += 10 * labels
    codes[:, 3] += 10 * (labels == 1)
    directions = autoencoder.fisher_directions(codes, labels)
    seen = codes @ directions
    within = max(seen[labels == k].std(0).max() for k in range(3))
    means = np.array([seen[labels == k].mean(0) for k in range(3)])
    apart = [np.linalg.norm(means[a] - means[b]) for a, b in ((0, 1), (0, 2), (1, 2))]
    assert min(apart) > 5 * within


@pytest.mark.parametrize(("bar", "mark", "code"), [(1e9, "✓", 0), (1e-9, "✗", 1)])
def test_unmodified_preset_is_compared_with_the_recorded_reference(
        bar, mark, code, tmp_path, capsys, monkeypatch):
    recorded = {"tiny": {"value": 0.7, "sd": 0.01, "seeds": 3, "seconds": 42.0, "device": "cpu: X"}}
    monkeypatch.setattr(demos, "recorded", lambda name: recorded)
    monkeypatch.setitem(conv_autoencoder.PRESETS, "tiny", {"steps": 3, "batch": 4, "size": 8})
    monkeypatch.setitem(conv_autoencoder.ABOUT.bars, "tiny", bar)
    assert main(["demo", "conv-autoencoder", "--seed", "1", "--out", str(tmp_path)]) == code
    out = capsys.readouterr().out
    assert "expect 42 s on cpu: X" in out
    assert re.search(rf"{mark} mse_vs_pca \S+, bar ≤ \S+; recorded 0\.7 ± 0\.01 over 3 seeds", out)
    assert "digits" in out                                  # the line about the data


def test_changed_settings_are_not_compared(tmp_path, capsys, file):
    arguments = ["demo", "autoencoder", "--set", "epochs=1", "--set", "latent=32", "--set",
                 "size=8", "--set", "batch=4000", "--out", str(tmp_path)]
    assert main(arguments) == 0
    out = capsys.readouterr().out
    # latent has the preset's value: no change
    assert "settings changed (epochs, size, batch): no recorded reference to compare with" in out


def test_diverging_run_stops_with_the_step_and_the_checkpoint(tmp_path, capsys, file):
    code = main(["demo", "autoencoder", "--data", str(file), "--set", "lr=1e30", "--set",
                 "epochs=40", "--out", str(tmp_path / "o")])
    error = capsys.readouterr().err
    assert code == 1
    assert re.search(r"minigen demo: mse is (nan|inf) at step \d+\n", error)
    assert "last good checkpoint: step" in error


def start(arguments, **options):
    """A process that runs minigen."""
    return subprocess.Popen([sys.executable, *arguments], stdout=subprocess.PIPE, text=True,
                            stderr=subprocess.STDOUT, env={**os.environ, "PYTHONPATH": str(ROOT)},
                            **options)


def wait_for(path, process):
    """Until the path exists; its modification time."""
    deadline = time.monotonic() + 60
    while not path.exists():
        assert process.poll() is None, process.stdout.read()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    time.sleep(0.2)


@pytest.mark.skipif(os.name == "nt", reason="Windows delivers Ctrl-C to consoles only")
def test_ctrl_c_saves_and_prints_the_command_that_resumes(file, tmp_path):
    out = tmp_path / "a b"                                  # a name that a shell has to have quoted
    process = start(["-m", "minigen.demos.autoencoders.conv_autoencoder", "--data", str(file),
                     "--set", "steps=1000000", "--out", str(out)], cwd=tmp_path)
    wait_for(out / "conv-autoencoder-1" / "checkpoint.safetensors", process)
    process.send_signal(signal.SIGINT)
    text = process.communicate(timeout=60)[0]
    assert process.returncode == 130, text
    assert "Traceback" not in text
    command = shlex.split(text.splitlines()[-1])
    assert command[-5:] == ["minigen", "demo", "conv-autoencoder", "--resume",
                            str(out / "conv-autoencoder-1")]
    step = int(re.search(r"saved after step (\d+) of 1000000", text)[1])

    # started as the line says, it continues; Python may be called otherwise in this shell
    again = start(["-m", *command[command.index("-m") + 1 :]], cwd=tmp_path)
    line = ""
    while "continued after" not in line:
        line = again.stdout.readline()
        assert line, "the resumed run ended early"
    assert f"continued after step {step}" in line
    time.sleep(1)
    again.send_signal(signal.SIGTERM)
    text = again.communicate(timeout=60)[0]
    assert again.returncode == 130, text
    assert int(re.search(r"saved after step (\d+) of 1000000", text)[1]) > step


def test_resume_continues_to_the_same_end(file, tmp_path, capsys, monkeypatch):
    arguments = ["demo", "conv-autoencoder", "--data", file.name, "--set", "steps=12", "--set",
                 "batch=8"]
    monkeypatch.chdir(tmp_path)
    assert main([*arguments, "--out", "whole"]) == 0

    inner = conv_autoencoder.optim.Adam.step
    calls = []

    def step(self):
        inner(self)
        calls.append(1)
        if len(calls) == 5:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(conv_autoencoder.optim.Adam, "step", step)
    assert main([*arguments, "--out", "cut"]) == 130
    folder = tmp_path / "cut" / "conv-autoencoder-1"
    assert main(["demo", "autoencoder", "--resume", str(folder)]) == 2
    assert "it is a run of conv-autoencoder, not autoencoder" in capsys.readouterr().err
    monkeypatch.chdir(folder)                               # the data is found from anywhere
    assert main(["demo", "conv-autoencoder", "--resume", str(folder)]) == 0
    assert len(calls) == 12
    whole = tmp_path / "whole" / "conv-autoencoder-1"
    for path in whole.iterdir():
        if path.suffix in (".png", ".jsonl"):
            assert path.read_bytes() == (folder / path.name).read_bytes(), path.name
    first, second = (json.loads((p / "report.json").read_text()) for p in (whole, folder))
    assert first["metrics"] == second["metrics"]
    assert first["settings"] == second["settings"]


# minigen bars -----------------------------------------------------------------------------------


def test_bars_records_means_and_prints_the_table(tmp_path, capsys, monkeypatch):
    path = tmp_path / "recorded.json"
    path.write_text('{"autoencoder": {"gpu": {"kept": true}}}')
    monkeypatch.setattr(demos, "RECORDED", path)
    values = iter([0.7, 0.8, 0.9])

    def run(command, **_):
        assert command[1:7] == ["-m", "minigen", "demo", "conv-autoencoder", "--preset", "tiny"]
        folder = Path(command[command.index("--out") + 1]) / "conv-autoencoder-1"
        folder.mkdir()
        report = {"metrics": {"mse_vs_pca": next(values)}, "hardware": "cpu: X"}
        (folder / "report.json").write_text(json.dumps(report))

    monkeypatch.setattr(bars.subprocess, "run", run)
    path.write_text("{}")
    assert main(["bars", "--only", "conv-autoencoder"]) == 0
    result = json.loads(path.read_text())["conv-autoencoder"]["tiny"]
    assert result["value"] == pytest.approx(0.8)
    assert result["sd"] == pytest.approx(0.1)
    assert (result["seeds"], result["device"], result["bar"]) == (3, "cpu: X", 0.95)
    table = capsys.readouterr().out.splitlines()[-1]
    cells = ["A-07", "conv-autoencoder", "tiny", "mse_vs_pca", "≤ 0.95", "✓ 0.8 ± 0.1", "3"]
    assert table.startswith(f"| {' | '.join(cells)} |")


def test_bars_shows_what_a_failed_run_said_and_records_nothing(tmp_path, capsys, monkeypatch):
    path = tmp_path / "recorded.json"
    path.write_text("{}")
    monkeypatch.setattr(demos, "RECORDED", path)
    monkeypatch.setitem(autoencoder.PRESETS, "cpu", {})             # unknown to the new process
    monkeypatch.setitem(autoencoder.ABOUT.bars, "cpu", 1.0)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    assert main(["bars", "--only", "autoencoder", "--preset", "cpu", "--seeds", "1"]) == 1
    assert "autoencoder has no such preset" in capsys.readouterr().err
    assert path.read_text() == "{}"
    assert main(["bars", "--only", "autoencode"]) == 2
    assert "did you mean 'autoencoder'?" in capsys.readouterr().err


def test_bars_refuses_a_preset_that_no_demo_has(capsys):
    assert main(["bars", "--preset", "tinny"]) == 2
    assert capsys.readouterr().err == ("minigen bars: --preset tinny: there is no such preset; did "
                                       "you mean 'tiny'? (tiny, gpu)\n")
