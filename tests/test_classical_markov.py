"""Markov chains: the reversal is exact, by counting every path."""

import json

import numpy as np
import pytest

from minigen.cli import main
from minigen.models.classical.markov_chain import MarkovChain, before_given_future


@pytest.mark.parametrize("seed", range(3))
def test_both_factorisations_are_the_same_and_the_past_needs_only_the_next(seed):
    chain = MarkovChain.random(3, 5, np.random.default_rng(seed))           # length 6
    back, joint = chain.reversed(), chain.joint()
    assert joint.shape == (3,) * 6
    assert joint.sum() == pytest.approx(1, abs=1e-12)
    np.testing.assert_allclose(back.joint().T, joint, rtol=0, atol=1e-12)
    for t in range(1, 6):
        given_all = before_given_future(joint, t)                           # x_{t-1}, x_t, ..., x_5
        given_next = back.transitions[5 - t]                                # [x_t, x_{t-1}]
        for past in np.ndindex(given_all.shape):
            assert given_all[past] == pytest.approx(given_next[past[1], past[0]], abs=1e-12)


def test_the_joint_is_the_product_along_a_path():
    chain = MarkovChain.random(4, 3, np.random.default_rng(0))
    P = chain.transitions
    assert chain.joint()[2, 0, 3, 1] == pytest.approx(
        chain.initial[2] * P[0, 2, 0] * P[1, 0, 3] * P[2, 3, 1], rel=1e-12)
    for t in range(4):
        others = tuple(a for a in range(4) if a != t)
        np.testing.assert_allclose(chain.joint().sum(others), chain.marginals()[t], atol=1e-12)


def test_a_process_with_memory_is_caught():
    joint = np.random.default_rng(0).dirichlet(np.ones(27)).reshape(3, 3, 3)
    given = before_given_future(joint, 1)                                   # x_0 given x_1, x_2
    assert np.ptp(given, axis=2).max() > 0.1


def test_a_stationary_chain_of_detailed_balance_is_its_own_reversal():
    P = np.array([[0.5, 0.5, 0], [0.25, 0.5, 0.25], [0, 0.5, 0.5]])
    chain = MarkovChain([0.25, 0.5, 0.25], [P] * 4)
    np.testing.assert_allclose(chain.reversed().transitions, [P] * 4, atol=1e-15)
    np.testing.assert_allclose(chain.reversed().initial, chain.initial, atol=1e-15)


def test_reversal_of_a_chain_with_states_never_visited():
    chain = MarkovChain([1.0, 0], [[[1.0, 0], [0.5, 0.5]]] * 2)
    back = chain.reversed()
    np.testing.assert_allclose(back.transitions.sum(2), 1)
    np.testing.assert_allclose(back.joint().T, chain.joint())


def test_samples_have_the_joint_distribution():
    chain = MarkovChain.random(3, 2, np.random.default_rng(1))
    paths = chain.sample(40_000, np.random.default_rng(0))
    cells = np.zeros((3, 3, 3))
    np.add.at(cells, tuple(paths.T), 1 / len(paths))
    assert abs(cells - chain.joint()).max() < 0.01


@pytest.mark.parametrize(("call", "message"), [
    (lambda: MarkovChain([0.5, 0.6], [np.eye(2)]), "initial is no distribution"),
    (lambda: MarkovChain([0.5, 0.5], [[[1, 0], [0.5, 0.6]]]), "a row of transitions is no"),
    (lambda: MarkovChain([0.5, 0.5], np.eye(2)), r"they must be \(S,\) and \(T, S, S\)"),
    (lambda: MarkovChain([0.5, 0.5], [np.eye(2)] * 40).joint(), r"2\^41 paths"),
    (lambda: before_given_future(np.ones((2, 2)) / 4, 2), "must be from 1 to 1"),
])
def test_mistakes_are_explained(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_demo_draws_its_figures(tmp_path, capsys):
    changes = ["--set", "places=20", "--set", "paths=2000"]
    assert main(["demo", "markov", *changes, "--out", str(tmp_path)]) == 0
    folder = tmp_path / "markov-1"
    assert {path.stem for path in folder.glob("*.png")} == {"steps", "diffusion", "generated"}
    metrics = json.loads((folder / "report.json").read_text())["metrics"]
    assert metrics["deviation"] < 1e-12
    assert metrics["distance_to_data"] < 0.1
