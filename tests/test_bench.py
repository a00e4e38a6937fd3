"""`minigen bench`: it measures what it says, and its report is whole.

No test asserts a time: machines are shared. What is checked is the work done and the arithmetic.
"""

import json
import math
import mmap
import os
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from unittest import mock

import numpy as np
import pytest

from minigen import optim
from minigen.cli import bench, bench_cases, bench_classical, bench_ops, bench_report, main


def test_a_case_is_timed_and_reported(tmp_path, capsys):
    report = tmp_path / "report.json"
    code = main(["bench", "cost", "--only", "add_number", "--rounds", "2", "--json", str(report)])
    assert code == 0
    assert "| add_number |" in capsys.readouterr().out
    found = json.loads(report.read_text())
    assert set(found) == {
        *("hardware", "versions", "group", "device", "threads", "seed", "date", "rounds", "cases")
    }
    assert found["hardware"]["cores"] >= 1 and found["versions"]["minigen"].startswith("numpy ")
    (case,) = found["cases"]
    assert case["name"] == "add_number" and 0 < case["seconds"]["minigen"] < 1
    assert [p.name for p in tmp_path.iterdir()] == ["report.json"]  # no half-written file left


def test_a_page_says_where_its_numbers_are_from(tmp_path, capsys):
    page = tmp_path / "page.md"
    assert main(["bench", "--only", "add_number", "--rounds", "1", "--table", str(page)]) == 0
    text = page.read_text()
    for said in ("minigen bench --table", "- date: 20", " cores, ", "numpy 2", "| add_number |"):
        assert said in text


def test_a_name_that_fits_nothing_is_said(capsys):
    assert main(["bench", "--only", "nothing like this"]) == 2
    assert "no case has 'nothing like this' in its name" in capsys.readouterr().out


@pytest.mark.parametrize("option", ["--json", "--table"])
def test_a_report_that_cannot_be_written_is_said_before_anything_is_timed(option, capsys):
    assert main(["bench", "--only", "add_number", option, "/no/such/report"]) == 2
    assert capsys.readouterr().out == "/no/such/report: there is no folder /no/such\n"


def test_the_other_library_keeps_the_c_librarys_own_ways_with_memory(monkeypatch):
    kept, context = [], mock.MagicMock()
    context.Pipe.return_value = None, None
    context.Process().start = lambda: kept.append(os.environ.get("MINIGEN_KEEP_MEMORY"))
    monkeypatch.setattr(bench.multiprocessing, "get_context", lambda way: context)
    monkeypatch.setenv("MINIGEN_KEEP_MEMORY", "1")
    for side in ("minigen", "torch", "minigen"):
        bench._Worker(side, 1)
    monkeypatch.delenv("MINIGEN_KEEP_MEMORY")
    for side in ("torch", "minigen"):
        bench._Worker(side, 1)
    assert kept == ["1", "0", "1", "0", None]


def test_what_loads_at_first_use_is_there_before_memory_is_measured(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.sparse", None)  # an import of it fails
    with pytest.raises(ImportError, match=r"scipy\.sparse"):
        bench_cases.minigen_side()


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="Linux measures the peak")
def test_the_peak_is_that_of_the_three_steps():
    """Neither what was used before, here 150 MB, nor what was there, here 20."""

    def filled(size):
        with mmap.mmap(-1, size) as memory:  # which, unlike malloc, gives all of it back
            np.frombuffer(memory, "uint8")[:] = 1

    def build(library, size=50_000_000):
        return lambda: filled(size)

    filled(150_000_000)
    with mmap.mmap(-1, 20_000_000) as memory:
        np.frombuffer(memory, "uint8")[:] = 1
        assert 40e6 < bench._peak(build, None) < 60e6


@pytest.mark.parametrize("rounds", ["0", "x"])
def test_rounds_must_be_a_positive_number(rounds, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["bench", "--rounds", rounds])
    assert stop.value.code == 2
    assert "--rounds" in capsys.readouterr().err


def test_the_table_compares_and_averages():
    rows = [
        {"group": "cost", "name": name, "seconds": {"minigen": a, "torch": b}, "peak_bytes": {}}
        for name, a, b in [("one", 1e-4, 2e-4), ("two", 4e-4, 2e-4)]
    ]
    rows.append(
        {
            "group": "models",
            "name": "step",
            "seconds": {"minigen": 3e-3, "torch": 2e-3},
            "peak_bytes": {"minigen": 30e6, "torch": 20e6},
        }
    )
    table = bench_report.table(rows, "torch")
    assert f"| one | {1e-4 * 1e6 / bench_cases.CHAIN:.2f} µs an op |" in table
    assert "| 0.50 |" in table and "| 2.00 |" in table
    assert "**cost: geometric mean** | | | **1.00**, largest 2.00 | |" in table  # √(½ · 2)
    assert "| step | 3.00 ms | 2.00 ms | 1.50 | 30 MB / 20 MB | 1.50 |" in table


def test_what_only_one_side_has_or_is_apart_counts_in_no_mean():
    def row(name, **seconds):
        return {"group": "classical", "name": name, "seconds": seconds, "peak_bytes": {}}

    rows = [row("pca", minigen=2.0, sklearn=1.0), row("tsne", minigen=90.0, sklearn=1.0)]
    rows += [row("classical_mds", minigen=5.0)]
    table = bench_report.table(rows, "sklearn")
    assert "| case | minigen | scikit-learn | ratio |" in table
    assert "| classical_mds | 5000.00 ms |  |  |  |  |" in table
    assert "| tsne | 90000.00 ms | 1000.00 ms | 90.00 |" in table
    assert "**classical: geometric mean, tsne apart** | | | **2.00**, largest 2.00 | |  |" in table


@pytest.mark.parametrize(("words", "said"), [
    (["classical", "--against", "torch"], "classical is not compared with torch"),
    (["ops", "--against", "sklearn"], "ops is not compared with sklearn"),
    (["kernels", "--against", "sklearn"], "kernels is not compared with sklearn"),
    (["classical", "--device", "gpu"], "the classical methods compute on the CPU"),
])
def test_options_that_do_not_go_together_are_refused(words, said, capsys):
    assert main(["bench", *words]) == 2
    assert said in capsys.readouterr().out


@pytest.mark.parametrize("name", bench.CASES["classical"])
def test_classical_cases_run(name, monkeypatch):
    made = bench_classical._cloud
    monkeypatch.setattr(bench_classical, "_cloud", lambda n, d: made(min(n, 300), d))
    found = bench.CASES["classical"][name](bench_cases.minigen_side(), 2)()
    results = ("components_", "cluster_centers_", "means_", "embedding_", "coef_")
    values = [getattr(found, result) for result in results if hasattr(found, result)]
    assert np.isfinite(values[0] if values else found).all()


def test_a_method_that_the_other_library_lacks_is_no_case(monkeypatch):
    for name in ("sklearn", "sklearn.manifold"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    build = bench.CASES["classical"]["classical_mds"]
    assert build(SimpleNamespace(name="sklearn"), 2) is None


@pytest.mark.parametrize("name", bench.CASES["cost"])
def test_cost_cases_reach_their_leaf(name):
    """Forward and backward really run: a chain that loses its gradient would be fast."""
    side = bench_cases.minigen_side()
    leaves = []
    side.leaf = lambda array: leaves.append(side.tensor(array).requires_grad_()) or leaves[-1]
    bench.CASES["cost"][name](side)()
    gradient = leaves[0].grad.numpy()
    assert gradient.shape == (10,) and all(map(math.isfinite, gradient))


@pytest.mark.parametrize("name", bench.CASES["ops"])
def test_op_cases_reach_all_their_inputs(name):
    side, leaves, made = bench_cases.minigen_side(), [], bench_ops._Input.made

    def recorded(self, *arguments):
        leaves.append(made(self, *arguments))
        return leaves[-1]

    with mock.patch.object(bench_ops._Input, "made", recorded):
        run = bench.CASES["ops"][name](side, 2)
    run()
    for x in leaves[: 1 if "loss" in name or "logits" in name else None]:  # targets are detached
        assert not x.requires_grad or np.abs(x.grad.numpy()).max() > 0


@pytest.mark.parametrize("name", bench.CASES["models"])
def test_model_cases_train(name):
    """A step changes every parameter of the model."""
    side, made = bench_cases.minigen_side(), []

    def recording(optimizer):
        def make(parameters, **settings):
            made.extend((p, p.detach().numpy().copy()) for p in parameters)
            return optimizer(parameters, **settings)

        return make

    side.optim = SimpleNamespace(Adam=recording(optim.Adam), AdamW=recording(optim.AdamW))
    bench.CASES["models"][name](side, 4)()
    assert len(made) >= 6
    for p, before in made:
        assert (p.detach().numpy() != before).any(), p.shape
