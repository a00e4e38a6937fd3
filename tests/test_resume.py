"""A run can be stopped at any moment and continued as if nothing had happened."""

import math
import signal

import numpy as np
import pytest
from safetensors import safe_open
from small_run import DATA, Config, folder_bytes, interrupt, parts_of, train

import minigen
from minigen import Generator, nn, optim
from minigen.data import DataLoader
from minigen.ops import cross_entropy
from minigen.train import Demo, DivergenceError, Run, UsageError, checkpoint


# an epoch has 4 steps; after 7 there is a log not yet written; 12 is the last
@pytest.mark.parametrize("stop", [1, 4, 7, 12])
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


def jitter(x, y, rng):
    return x + rng.normal(0, 0.1, x.shape).astype(np.float32), y


@pytest.mark.parametrize("loading", ["arrays", "a loader"])
def test_ten_steps_are_five_and_five_more(tmp_path, loading):
    labels = np.arange(30)

    def weights(out, stop=None, resume=None):
        data, batch = (DATA, labels), 8
        if loading == "a loader":       # shuffled and transformed, batches made ahead by threads
            data, batch = DataLoader(data, 8, shuffle=True, transform=jitter, prefetch=3), None
        config = Config(out=str(tmp_path / out), resume=resume)
        model = nn.Sequential(nn.Linear(6, 30, rng=config.rng("weights")), nn.Dropout(0.5))
        optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        with Run(config, "ten", model=model, optimizer=optimizer) as run:
            for x, y in run.batches(data, batch, steps=10):
                loss = cross_entropy(model(x), y)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                run.log(loss=loss)
                if run.step + 1 == stop:
                    interrupt(run)
        assert run.step == run.total == 10
        return model[0].weight.detach().numpy()

    whole = weights("whole")
    with pytest.raises(KeyboardInterrupt):
        weights("cut", stop=5)
    resumed = weights("cut", resume=str(tmp_path / "cut" / "ten-1"))
    np.testing.assert_array_equal(whole, resumed)
    assert folder_bytes(tmp_path / "whole" / "ten-1") == folder_bytes(tmp_path / "cut" / "ten-1")


def test_generators_are_saved_once_under_their_names(tmp_path):
    shared, own = Generator(1), Generator(2)
    model = nn.Sequential(nn.Dropout(rng=shared), nn.Sequential(nn.Dropout(rng=shared)),
                          nn.Dropout(rng=own))
    with Run(Demo(out=str(tmp_path)), "draws", model=model, own=own) as run:
        for _ in run.batches(DATA, 10, 1):
            shared.normal(5)
    saved = checkpoint.load(run.folder / "checkpoint.safetensors")["run"]["generators"]
    (saved,) = saved                                    # of the one process
    assert set(saved) == {"own", "run.rng", "run.default", "model.0.rng"}
    assert saved["model.0.rng"] == shared.state_dict()
    config = Demo(out=str(tmp_path), resume=str(run.folder))
    fewer = nn.Sequential(nn.Dropout(rng=own), nn.Dropout())
    with Run(config, "draws", model=fewer, own=own) as run, pytest.raises(UsageError) as caught:
        next(run.batches(DATA, 10, 1))
    assert ("numbers for ['own', 'run.default', 'run.rng'], the checkpoint for ['model.0.rng', "
            in str(caught.value))


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
        file.write(b'{"step": 6, "loss": 1.0}\n' * 99 + b'{"step": 7, "lo')
    (tmp_path / "small-1" / ".checkpoint.safetensors.123.part").write_bytes(b"half")
    resumed = train(Config(out=str(tmp_path), resume=str(tmp_path / "small-1")))
    np.testing.assert_array_equal(whole[0], resumed[0])
    assert folder_bytes(tmp_path / "whole" / "small-1") == folder_bytes(tmp_path / "small-1")
    assert not list((tmp_path / "small-1").glob(".*"))


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
    with pytest.raises(UsageError, match=r"holds .*average.* and not \['model', 'run'\]"):
        Run(config, "small", model=nn.Linear(1, 1)).__enter__()
    message = r"small-1: DataLoader.*samples was 30 and is 20; a run can only continue on its own"
    with Run(config, "small", **parts_of(config)) as run, pytest.raises(UsageError, match=message):
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


def test_script_learns_how_to_resume(tmp_path, capsys):
    with pytest.raises(KeyboardInterrupt):
        train(Config(out=str(tmp_path)), at_step=2, do=interrupt)
    assert f"Config(..., resume={str(tmp_path / 'small-1')!r})" in capsys.readouterr().out


def test_nan_weights_never_replace_a_good_checkpoint(tmp_path):
    def spoil(run):
        minigen.assign(run.parts["model"][0].weight, math.nan)

    with pytest.raises(DivergenceError, match=r"0\.weight of model is NaN after step 12"):
        train(Config(out=str(tmp_path)), at_step=12, do=spoil)
    saved = checkpoint.load(tmp_path / "small-1" / "checkpoint.safetensors")
    assert np.isfinite(saved["model"]["0.weight"]).all()
