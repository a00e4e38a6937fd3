"""Two processes that share each batch train as one does.

The same tests run in two worlds: processes forked here that talk through a socket, which any Linux
or macOS has, and those of mpiexec, where mpi4py is installed.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import parallel_run
import pytest

import minigen
from minigen import nn
from minigen.train import UsageError, checkpoint, parallel
from minigen.train.parallel import Together, World, world

HERE = Path(__file__).parent
BESIDE = Path(sys.executable).parent
MPIEXEC = shutil.which("mpiexec", path=f"{BESIDE}{os.pathsep}{os.environ.get('PATH', '')}")

needs_mpi = pytest.mark.skipif(not (MPIEXEC and find_spec("mpi4py")),
                               reason="needs the extra mpi: mpi4py, and an mpiexec")
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork a process")
WORLDS = [pytest.param("socket", marks=needs_fork), pytest.param("mpi", marks=needs_mpi)]


class Socket(World):
    """Two processes joined by a socket."""

    size = 2

    def __init__(self, rank, end):
        self.rank, self.file = rank, end.makefile("rwb")

    def _exchange(self, data):
        def send():
            self.file.write(len(data).to_bytes(8) + data)
            self.file.flush()

        if self.rank == 0:
            send()
        other = self.file.read(int.from_bytes(self.file.read(8)))
        if self.rank == 1:
            send()
        return (data, other) if self.rank == 0 else (other, data)

    def _arrays(self, array):
        return [np.frombuffer(part, array.dtype).reshape(array.shape)
                for part in self._exchange(array.tobytes())]

    def sum(self, array):
        return sum(self._arrays(array))

    def first(self, array):
        return self._arrays(array)[0]

    def gather(self, value):
        return [json.loads(part) for part in self._exchange(json.dumps(value).encode())]


def forked(folder, *arguments):
    """Both ranks' exit codes."""
    ends, children = socket.socketpair(), []
    for rank in (0, 1):
        children.append(os.fork())
        if children[-1] == 0:
            code = 1
            try:
                ends[1 - rank].close()
                parallel.world = lambda: Socket(rank, ends[rank])  # noqa: B023  a process each
                kind, stop, resume = (*arguments, None, None, None)[:3]
                parallel_run.train(folder, kind or "exact", stop, resume)
                code = 0
            except KeyboardInterrupt:
                code = 130
            finally:
                os._exit(code)
    for end in ends:
        end.close()
    return [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]


def two(where, folder, kind="exact", stop=None, resume=None):
    """Train with two ranks.   -> whether both came to the end, and each rank's numbers"""
    folder.mkdir(exist_ok=True)
    if where == "socket":
        codes = forked(folder, kind, stop, resume)
    else:
        more = [str(stop or resume)] if stop or resume else []
        command = [MPIEXEC, "-n", "2", sys.executable, HERE / "parallel_run.py", folder, kind]
        path = os.pathsep.join([str(HERE.parent), os.environ.get("PYTHONPATH", "")])
        done = subprocess.run([*command, *more], capture_output=True, text=True, timeout=60,
                              env={**os.environ, "PYTHONPATH": path})
        codes = [done.returncode, done.stdout, done.stderr]
    found = [dict(np.load(path)) for path in sorted(folder.glob("?.npz"))]
    return codes, found


def lines(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("where", WORLDS)
def test_two_ranks_train_as_one_process_does(tmp_path, where):
    alone = tmp_path / "alone"
    alone.mkdir()
    parallel_run.train(alone)
    one = np.load(alone / "0.npz")
    codes, both = two(where, tmp_path / "two")
    assert len(both) == 2, codes
    for name in one.files:
        if name == "draws":
            continue
        np.testing.assert_array_equal(both[0][name], both[1][name])         # the same bits
        np.testing.assert_allclose(both[0][name], one[name], rtol=2e-5, atol=1e-6)
    assert not set(both[0]["draws"]) & set(both[1]["draws"])    # noise of their own
    np.testing.assert_array_equal(both[0]["draws"], one["draws"])
    folder = tmp_path / "two" / "shared-1"
    assert [p.name for p in (tmp_path / "two").iterdir() if p.is_dir()] == ["shared-1"]
    for a, b in zip(lines(folder), lines(alone / "shared-1"), strict=True):
        assert a == pytest.approx(b, rel=1e-5)                  # the loss is the whole batch's
    assert json.loads((folder / "report.json").read_text())["processes"] == 2


@pytest.mark.parametrize("where", WORLDS)
def test_two_ranks_stop_together_and_go_on_bit_for_bit(tmp_path, where, capfd):
    _, whole = two(where, tmp_path / "whole", "noisy")
    codes, none = two(where, tmp_path / "cut", "noisy", stop=5)
    folder = tmp_path / "cut" / "shared-1"
    assert not none
    assert checkpoint.load(folder / "checkpoint.safetensors")["run"]["step"] == 5
    said = capfd.readouterr().out + "".join(str(part) for part in codes)
    assert said.count("stopped; saved after step 5 of 12") == 1
    assert "mpiexec -n 2 Config(" in said
    _, resumed = two(where, tmp_path / "cut", "noisy", resume=str(folder))
    assert len(whole) == len(resumed) == 2
    for a, b in zip(whole, resumed, strict=True):
        for name in a.keys() - {"draws"}:
            np.testing.assert_array_equal(a[name], b[name])
        np.testing.assert_array_equal(a["draws"][5:], b["draws"])
    np.testing.assert_array_equal(whole[0]["2.running_mean"], whole[1]["2.running_mean"])
    assert lines(folder) == lines(tmp_path / "whole" / "shared-1")


@pytest.mark.parametrize("where", WORLDS)
def test_a_rank_that_fails_ends_them_all(tmp_path, where, capfd):
    codes, found = two(where, tmp_path, "broken", stop=3)
    assert not found
    assert codes == [1, 1] if where == "socket" else codes[0] != 0
    errors = capfd.readouterr().err + str(codes[-1])
    assert "ArithmeticError: rank 1 broke" in errors
    saved = checkpoint.load(tmp_path / "shared-1" / "checkpoint.safetensors")
    assert saved["run"]["step"] == 1        # the first is always due


@needs_mpi
def test_mpi_sums_sends_and_gathers_whatever_a_run_has(tmp_path):
    (code, _, errors), _ = two("mpi", tmp_path, "numbers")
    assert code == 0, errors


def test_a_run_of_two_is_not_continued_by_one(tmp_path):
    state = {"step": 1, "generators": [{}, {}], "data": {}, "seconds": 0, "metrics_bytes": 0}
    model = parallel_run.network(parallel_run.Config(), 0)
    optimizer = minigen.optim.SGD(model.parameters(), lr=0.1)
    parts = {"model": model, "average": minigen.optim.EMA(model), "optimizer": optimizer}
    states = {name: part.state_dict() for name, part in parts.items()}
    checkpoint.save(tmp_path / "checkpoint.safetensors", {**states, "run": state})
    with pytest.raises(UsageError, match="2 processes trained it, now there are 1; mpiexec -n"):
        parallel_run.train(tmp_path, resume=str(tmp_path))


@pytest.mark.parametrize(("size", "count"), [(1, 5), (2, 7), (3, 8), (4, 2), (3, 1)])
def test_shares_are_the_batch_and_weights_add_up(size, count):
    ranks, seen = [World() for _ in range(size)], []
    weights = []
    for ranks[0].rank in range(size):
        ranks[0].size = size
        share, weight = ranks[0].share(count)
        part = np.arange(count)[share]
        assert len(part) >= 1
        assert weight == (len(part) / count if weight else 0)
        seen += part.tolist() if weight else []
        weights.append(weight)
    assert seen == list(range(count))
    assert sum(weights) == pytest.approx(1)


def test_hooks_and_frozen_parameters_get_the_mean_too():
    pair = World()
    pair.size, pair.sum = 2, lambda array: 10 * array
    layer, seen = nn.Linear(2, 1).requires_grad_(False), []
    layer.weight.requires_grad = True
    layer.weight.register_hook(lambda gradient: seen.append(gradient.numpy().copy()))
    together = Together(pair, [layer])
    layer.requires_grad_(True)
    together.weight = 0.5
    layer(minigen.ones(1, 2)).sum().backward()
    np.testing.assert_array_equal(seen, [[[5, 5]]])
    np.testing.assert_array_equal(layer.weight.grad.numpy(), [[5, 5]])
    np.testing.assert_array_equal(layer.bias.grad.numpy(), [5])


def test_gradients_of_gradients_are_refused():
    pair = World()
    pair.size = 2
    layer = nn.Linear(2, 1)
    Together(pair, [layer])
    loss = (layer(minigen.ones(1, 2)) ** 2).sum()
    with pytest.raises(RuntimeError, match=r"data-parallel training: .* create_graph"):
        minigen.grad(loss, layer.weight, create_graph=True)


def test_mpiexec_without_mpi4py_says_what_to_install(monkeypatch):
    monkeypatch.setenv("PMI_SIZE", "4")
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    with pytest.raises(UsageError, match=r"mpiexec started 4 processes, which need mpi4py.*extra"):
        world.__wrapped__()
    monkeypatch.setenv("PMI_SIZE", "1")
    assert world.__wrapped__().size == 1
