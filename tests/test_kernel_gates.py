"""What holds of every kernel before any GPU has seen it: it compiles, within its entry's budget.

Idea: NVRTC makes the same machine code here as on a machine with a GPU, and says what it takes. A
spill, local memory, too many registers or a source that only g++ accepts fail here. The mutation
command, which asks whether the other tests would notice a mistake, is tried on a small scale.
Read next: ../minigen/backend/nvrtc.py, ../minigen/backend/kernel_mutation.py, test_kernels.py.
"""

import pytest
from needs import needs

from minigen.backend import emulator, kernel_mutation, nvrtc
from minigen.backend.kernels import FOLDER, manifest
from minigen.cli import main

compiles = needs(nvrtc)
runs = needs(emulator)
SOURCES = sorted({kernel.source for kernel in manifest().values()})
QUICK = {"column_sum.cu", "embedding.cu", "random.cu"}     # the others are slow: CI compiles all


# ---- compiling


@compiles
@pytest.mark.parametrize("architecture", nvrtc.ARCHITECTURES)
@pytest.mark.parametrize(
    "source", [pytest.param(s, marks=[pytest.mark.slow] * (s not in QUICK)) for s in SOURCES]
)
def test_every_kernel_compiles_without_spills(source, architecture):
    usage, problems = nvrtc.examined(source, architecture)
    assert not problems, "\n".join(problems)
    assert usage.keys() == nvrtc.kernels_of(source).keys()


def test_every_source_has_entries_and_every_entry_a_source():
    assert {path.name for path in FOLDER.glob("*.cu")} == set(SOURCES)


@compiles
def test_what_is_beyond_an_entry_is_said(monkeypatch, tmp_path):
    text = (FOLDER / "blend.cu").read_text()
    for header in FOLDER.glob("*.cuh"):
        (tmp_path / header.name).write_text(header.read_text())
    monkeypatch.setattr(nvrtc, "FOLDER", tmp_path)

    def problems(instead):
        found = text.replace("mg_acc<T> sum = 0;", instead, 1)
        assert found != text
        (tmp_path / "blend.cu").write_text(found)
        return nvrtc.examined("blend.cu", 90)[1]

    # an array with an index that the compiler cannot know lies in local memory
    wasteful = problems("mg_acc<T> kept[32]; kept[c % 32] = 0; mg_acc<T> sum = kept[p % 32];")
    assert wasteful and all("bytes of stack" in problem for problem in wasteful)
    (wrong,) = problems("mg_acc<T> sum = nonsense;")
    assert "blend.cu for sm_90" in wrong and "nonsense" in wrong


# ---- mutation


def test_every_mistake_in_a_source_has_kernels_that_may_notice_it():
    for path in FOLDER.glob("*.cu"):
        for mutant in kernel_mutation.mutants(path):
            assert kernel_mutation.affected(mutant), mutant


def mistakes(tmp_path, line):
    path = tmp_path / "some.cu"
    path.write_text(line)
    return [mutant.after for mutant in kernel_mutation.mutants(path)]


def test_mistakes_that_are_made(tmp_path):
    assert mistakes(tmp_path, "__syncthreads();") == [";"]
    assert mistakes(tmp_path, "if (row >= rows) return;") == [
        "if (row > rows) return;",
        "if (true) return;",
        "if (false) return;",
    ]
    assert mistakes(tmp_path, "for (int i = 0; i < n; i++)") == ["for (int i = 0; i <= n; i++)"]
    assert mistakes(tmp_path, "y = x[i * 4];") == ["y = x[(i * 4) + 1];"]
    assert mistakes(tmp_path, "__shared__ float tile[32];  // tile[i] < n") == []
    assert mistakes(tmp_path, "mg_pack<A, SIDE> a[SIDE], b[SIDE];") == []
    assert mistakes(tmp_path, "T* arrays[ROWS];") == []


@runs
@pytest.mark.slow
def test_a_mistake_is_noticed_and_no_mistake_is_not():
    path = FOLDER / "softmax.cu"
    found = list(kernel_mutation.mutants(path))
    assert kernel_mutation.noticed(found[0])
    unchanged = found[0]._replace(source=path.read_text())
    assert kernel_mutation.noticed(unchanged) == ""
    assert kernel_mutation.noticed(found[0]._replace(source="nonsense")) == "does not compile"


@runs
def test_a_failure_of_the_test_itself_does_not_count_as_noticed(monkeypatch):
    found = next(kernel_mutation.mutants(FOLDER / "softmax.cu"))
    monkeypatch.setattr(kernel_mutation.kernel_check, "error", lambda *a: {}["no such sample"])
    with pytest.raises(RuntimeError, match=r"softmax\.cu:\d+ could not be tried"):
        kernel_mutation.noticed(found)


# ---- the command


@runs
def test_profile_command_says_what_lines_cost(capsys):
    assert main(["kernels", "profile", "--only", "softmax_forward"]) == 0
    text = capsys.readouterr().out
    assert "softmax_forward" in text and "transactions each" in text


def test_list_command_and_a_name_that_is_none(capsys):
    assert main(["kernels", "list", "--only", "softmax"]) == 0
    assert "softmax_backward" in capsys.readouterr().out
    assert main(["kernels", "list", "--only", "nonsense"]) == 2
    assert "no kernel has 'nonsense' in its name" in capsys.readouterr().out


@runs
def test_mutate_command_counts_what_is_noticed(capsys, monkeypatch):
    """With answers that are given: none of three mistakes is noticed, then all are."""
    monkeypatch.setattr(kernel_mutation, "noticed", lambda mutant: "")
    assert main(["kernels", "mutate", "--only", "column_sum", "--sample", "3"]) == 1
    assert "0.0% of 3 mistakes were noticed" in capsys.readouterr().out
    monkeypatch.setattr(kernel_mutation, "noticed", lambda mutant: "wrong numbers")
    assert main(["kernels", "mutate", "--only", "column_sum", "--sample", "3"]) == 0
    assert "100.0% of 3 mistakes were noticed" in capsys.readouterr().out
    assert main(["kernels", "mutate", "--only", "nonsense"]) == 2
    with pytest.raises(SystemExit):
        main(["kernels", "mutate", "--sample", "0"])
    assert "0 is not at least 1" in capsys.readouterr().err


@runs
def test_stopped_commands_say_so(capsys, monkeypatch):
    def stop(mutant):
        raise KeyboardInterrupt

    monkeypatch.setattr(kernel_mutation, "noticed", stop)
    assert main(["kernels", "mutate", "--only", "column_sum", "--sample", "1"]) == 130
    assert capsys.readouterr().err == "stopped\n"
