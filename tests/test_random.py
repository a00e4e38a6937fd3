"""Generators: same seed, same numbers; independent streams; the right distributions."""

import json

import numpy as np
import pytest
from scipy import stats

import minigen as mg
from minigen import ops
from minigen.ops.random import default_generator


@pytest.fixture(autouse=True)
def _seeded():
    before = default_generator().state_dict()
    mg.manual_seed(0)
    yield
    default_generator().load_state_dict(before)


def draws(rng):
    """Some of everything that a generator can draw."""
    return [
        *rng.normal(5).tolist(),
        *rng.uniform((2, 2), -1.0, 1.0, dtype="float64").reshape(-1).tolist(),
        *rng.randint(0, 1000, 5).tolist(),
        *rng.permutation(7).tolist(),
        *rng.keep_mask((3, 3), 0.5).reshape(-1).tolist(),
        *rng.normal(3).tolist(),
    ]


# ---- seeds and states


def test_same_seed_same_numbers_other_seed_others():
    assert draws(mg.Generator(3)) == draws(mg.Generator(3)) != draws(mg.Generator(4))
    rng = mg.Generator(3)
    first = draws(rng)
    assert draws(rng) != first and draws(rng.manual_seed(3)) == first


def test_the_bits_are_those_of_this_release():
    # a change here changes every recorded result (NumPy guarantees the bits, not the distributions)
    assert mg.Generator(0).spawn("weights").seed == 8389579401446667267
    kept = mg.Generator(0).keep_mask((12,), 0.5).long()
    assert kept.tolist() == [0, 1, 1, 1, 1, 0, 1, 0, 1, 1, 1, 0]


def test_spawned_streams_depend_on_the_seed_and_the_name_alone():
    rng = mg.Generator(5)
    weights = draws(rng.spawn("weights"))
    rng.normal(10)
    assert draws(rng.spawn("weights")) == weights == draws(mg.Generator(5).spawn("weights"))
    others = [rng, rng.spawn("data"), rng.spawn("weights").spawn("weights")]
    assert all(draws(other) != weights for other in [*others, mg.Generator(6).spawn("weights")])


def test_spawned_streams_are_not_correlated():
    streams = np.stack([mg.Generator(1).spawn(f"{i}").normal(20_000).numpy() for i in range(8)])
    correlations = np.corrcoef(streams)[~np.eye(8, dtype=bool)]
    assert np.abs(correlations).max() < 5 / np.sqrt(20_000)


@pytest.mark.parametrize("skip", [0, 1, 3])
def test_a_saved_state_continues_through_json(skip):
    rng = mg.Generator(9)
    rng.randint(0, 10, skip)  # 32-bit draws leave half a word behind
    saved = json.loads(json.dumps(rng.state_dict()))
    expected = draws(rng)
    other = mg.Generator(0)
    other.load_state_dict(saved)
    assert draws(other) == expected and other.seed == 9


# ---- the default generator


def test_manual_seed_restarts_the_default_generator():
    assert mg.manual_seed(11) is default_generator()
    first = [ops.normal((3,)).tolist(), ops.dropout(mg.ones(50)).tolist()]
    mg.manual_seed(11)
    assert [ops.normal((3,)).tolist(), ops.dropout(mg.ones(50)).tolist()] == first
    assert ops.normal((3,)).tolist() != first[0]
    assert mg.manual_seed(11).normal(3).tolist() == mg.Generator(11).normal(3).tolist() == first[0]


def test_a_wrong_seed_changes_nothing():
    expected = mg.Generator(0).normal(2).tolist()
    with pytest.raises(ValueError, match="seed"):
        mg.manual_seed(-1)
    assert ops.normal((2,)).tolist() == expected


def test_an_explicit_generator_leaves_the_default_one_alone():
    before, rng = default_generator().state_dict(), mg.Generator(1)
    ops.normal((3,), rng=rng)
    ops.uniform((3,), rng=rng)
    ops.randint(0, 5, (3,), rng=rng)
    ops.permutation(5, rng=rng)
    ops.dropout(mg.ones(9), rng=rng)
    assert default_generator().state_dict() == before


# ---- distributions


def test_normal_and_uniform_follow_their_distributions():
    rng = mg.Generator(2)
    assert stats.kstest(rng.normal(20_000, 3.0, 2.0).numpy(), "norm", (3, 2)).pvalue > 1e-3
    assert stats.kstest(rng.uniform(20_000, -1.0, 4.0).numpy(), "uniform", (-1, 5)).pvalue > 1e-3
    x = rng.uniform(100_000).numpy()
    assert x.min() >= 0 and x.max() < 1


def test_randint_and_permutation():
    rng = mg.Generator(2)
    x = rng.randint(-2, 4, (60_000,)).numpy()
    assert set(x.tolist()) == {-2, -1, 0, 1, 2, 3}
    assert stats.chisquare(np.bincount(x + 2)).pvalue > 1e-3
    assert sorted(rng.permutation(100).tolist()) == list(range(100))
    places = np.bincount([rng.permutation(4).tolist().index(0) for _ in range(4000)])
    assert stats.chisquare(places).pvalue > 1e-3


@pytest.mark.parametrize("p", [0.1, 0.5, 0.75])
def test_dropout_keeps_the_mean_and_drops_a_fraction_p(p):
    x = mg.ones(200_000)
    y = ops.dropout(x, p, rng=mg.Generator(3)).numpy()
    kept = y != 0
    assert np.allclose(y[kept], 1 / (1 - p))
    assert abs(kept.mean() - (1 - p)) < 5 * np.sqrt(p * (1 - p) / len(y))


def test_dropout_at_its_edges():
    x = mg.arange(4.0).requires_grad_()
    assert ops.dropout(x, 0.5, training=False) is x and ops.dropout(x, 0.0) is x
    gone = ops.dropout(x, 1.0)
    gone.sum().backward()
    assert gone.tolist() == [0] * 4 and x.grad.tolist() == [0] * 4
    assert ops.dropout(mg.zeros(0, 3)).shape == (0, 3)


def test_dropout_drops_the_gradient_where_it_dropped_the_value():
    x = mg.ones(1000, requires_grad=True)
    y = ops.dropout(x, 0.3)
    y.sum().backward()
    assert np.array_equal(x.grad.numpy(), y.detach().numpy())


def test_shapes_and_dtypes():
    rng = mg.Generator(0)
    assert rng.normal(3).shape == (3,) and rng.normal((2, 3)).dtype == np.float32
    assert rng.normal(()).shape == () and rng.uniform((0, 2)).shape == (0, 2)
    assert rng.normal(2, dtype="float64").dtype == np.float64
    assert rng.uniform(2, dtype="float64").dtype == np.float64
    assert rng.randint(0, 3, (2,)).dtype == rng.permutation(3).dtype == np.int64
    assert not rng.normal(2).requires_grad and repr(rng) == "Generator(seed=0, device='cpu')"
