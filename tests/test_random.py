"""Generators: same seed, same numbers; independent streams; the right distributions."""

import json
from types import SimpleNamespace

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
    z, u = rng.normal(20_000, 3.0, 2.0).numpy(), rng.uniform(20_000, -1.0, 4.0).numpy()
    assert stats.kstest(z, stats.norm(3, 2).cdf).pvalue > 1e-3
    assert stats.kstest(u, stats.uniform(-1, 5).cdf).pvalue > 1e-3
    x = rng.uniform(100_000).numpy()
    assert x.min() >= 0 and x.max() < 1


@pytest.mark.parametrize(("dtype", "low"), [("float16", 0.0), ("float32", -2.0)])
def test_uniform_never_reaches_high(dtype, low):
    """2²⁴ different numbers are rounded to those of the dtype, or of a range far from 0."""
    high = low + 1
    x = mg.Generator(0).uniform(1 << 20, low, high, dtype).numpy()
    assert low <= x.min() < x.max() < high
    largest = np.nextafter(np.dtype(dtype).type(high), np.dtype(dtype).type(low))
    one = mg.Generator(0)
    one._rng = SimpleNamespace(random=lambda n, dtype: np.full(n, 1 - 2.0**-24, dtype))
    assert one.uniform(2, low, high, dtype).tolist() == [largest] * 2


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


# ---- draws from given probabilities


def test_keep_mask_does_not_depend_on_how_many_bits_are_drawn_at_once():
    """Sizes around the blocks in which they are drawn, and those that leave bits over."""
    for n in (1, 5, 65535, 65536, 65537, 200_001):
        raw = np.random.SFC64(6).random_raw(-(-n // 4)).view(np.uint16)[:n]
        np.testing.assert_array_equal(mg.Generator(6).keep_mask((n,), 0.3).numpy(), raw >= 19661)


@pytest.mark.parametrize("shape", [(20, 40, 3), (30, 20, 2, 2), (8, 50, 2, 1, 3)])
def test_dropout2d_drops_whole_channels_each_alone(shape):
    x = mg.ones(*shape, requires_grad=True)
    y = ops.dropout2d(x, 0.3, rng=mg.Generator(1))
    flat = y.detach().numpy().reshape(shape[0] * shape[1], -1)
    kept = flat[:, 0] != 0
    np.testing.assert_allclose(flat, np.where(kept, 1 / 0.7, 0)[:, None] + 0 * flat, rtol=1e-6)
    assert abs(kept.mean() - 0.7) < 5 * (0.21 / len(kept)) ** 0.5
    assert 0 < kept.reshape(shape[:2])[:, 0].sum() < len(x)  # not one mask for all samples
    assert np.array_equal(mg.grad(y.sum(), x)[0].numpy(), y.detach().numpy())


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_bernoulli_of_every_probability(dtype):
    p = mg.tensor(np.repeat([[0.0], [1.0], [0.5], [1e-3], [0.9]], 40_000, 1).astype(dtype))
    x = ops.bernoulli(p.requires_grad_(), rng=mg.Generator(2))
    assert x.dtype == dtype and not x.requires_grad and set(np.unique(x.numpy())) == {0, 1}
    exact = p.detach().numpy()[:, 0].astype("float64")
    error = np.sqrt(exact * (1 - exact) / 40_000)
    assert (np.abs(x.numpy().astype("float64").mean(1) - exact) <= 5 * error).all()
    assert ops.bernoulli(mg.zeros(0, 2)).shape == (0, 2)


WEIGHTS = np.array([[0.0, 3, 1, 0, 4, 2, 0], [1, 1, 1, 1, 1, 1, 1], [0, 0, 0, 0, 0, 1e-3, 0]])


@pytest.mark.parametrize("scale", [1, 1e-30, 1e30])
def test_multinomial_with_replacement_follows_the_weights(scale):
    x = mg.tensor((WEIGHTS * scale).astype("float32"))
    drawn = ops.multinomial(x, 20_000, replacement=True, rng=mg.Generator(3))
    assert drawn.shape == (3, 20_000) and drawn.dtype == np.int64
    for row, weights in zip(drawn.numpy(), WEIGHTS, strict=True):
        counts, possible = np.bincount(row, minlength=7), weights > 0
        assert counts[~possible].sum() == 0
        expected = weights[possible] / weights.sum() * len(row)
        if possible.sum() > 1:  # else there is nothing to be wrong about any more
            assert stats.chisquare(counts[possible], expected).pvalue > 1e-3
    halves = drawn.numpy()[1].reshape(2, -1)  # the draws of a row are independent
    assert abs(np.corrcoef(halves)[0, 1]) < 5 / 10_000**0.5


def test_multinomial_without_replacement_draws_among_those_that_are_left():
    """P(i first, j second) = w_i · w_j / (1 - w_i), of all ordered pairs."""
    w = np.array([0.5, 0.3, 0.0, 0.2])
    x = mg.tensor(np.tile(w, (30_000, 1)))
    pairs = ops.multinomial(x, 2, rng=mg.Generator(4)).numpy()
    counts = np.bincount(pairs[:, 0] * 4 + pairs[:, 1], minlength=16)
    expected = np.array([w[i] * w[j] / (1 - w[i]) * (i != j) for i in range(4) for j in range(4)])
    assert counts[expected == 0].sum() == 0
    assert stats.chisquare(counts[expected > 0], expected[expected > 0] * 30_000).pvalue > 1e-3


def test_multinomial_of_all_positions_is_a_permutation():
    x = mg.tensor([[1e-38, 1.0, 1e38, 3.0]] * 50)
    drawn = ops.multinomial(x, 4, rng=mg.Generator(5)).numpy()
    assert (np.sort(drawn, 1) == np.arange(4)).all()
    assert (drawn[:, 0] == 2).all() and (drawn[:, 3] == 0).all()  # by the weights: 1e38 to 1


def test_multinomial_of_one_row_and_of_none():
    w = mg.tensor([0.0, 2.0, 0.0])
    assert ops.multinomial(w, 1).tolist() == [1]
    assert ops.multinomial(w, 3, replacement=True).tolist() == [1, 1, 1]
    for replacement in (True, False):
        assert ops.multinomial(mg.zeros(0, 3), 2, replacement).shape == (0, 2)


def test_gumbel_softmax_draws_categories_with_their_probabilities():
    logits = np.log([0.5, 0.3, 0.15, 0.05]).astype("float32")
    x = mg.tensor(np.tile(logits, (40_000, 1)))
    for tau in (0.3, 5.0):  # which is largest does not depend on it
        soft = ops.gumbel_softmax(x, tau, rng=mg.Generator(6)).numpy()
        np.testing.assert_allclose(soft.sum(1), 1, rtol=1e-5)
        counts = np.bincount(soft.argmax(1), minlength=4)
        assert stats.chisquare(counts, np.array([0.5, 0.3, 0.15, 0.05]) * 40_000).pvalue > 1e-3
    cold, hot = (ops.gumbel_softmax(x, t, rng=mg.Generator(6)).numpy().max(1) for t in (0.01, 100))
    assert np.median(cold) > 0.999 and np.median(hot) < 0.3


def test_the_noise_of_gumbel_softmax_is_gumbels():
    """Differences of two such numbers are logistic."""
    x = mg.zeros(20_000, 2, dtype="float64")
    soft = ops.gumbel_softmax(x, rng=mg.Generator(7)).numpy()
    assert stats.kstest(np.log(soft[:, 0] / soft[:, 1]), "logistic").pvalue > 1e-3


@pytest.mark.parametrize("dim", [0, 1, -1])
def test_hard_gumbel_softmax_is_one_hot_with_the_gradient_of_the_soft(dim):
    x = mg.Generator(8).normal((3, 4, 5)).requires_grad_()
    v = mg.Generator(9).normal((3, 4, 5))
    hard, soft = (ops.gumbel_softmax(x, 0.7, h, dim, rng=mg.Generator(1)) for h in (True, False))
    y = hard.detach().numpy()
    assert set(np.unique(y)) == {0, 1} and (y.sum(dim) == 1).all()
    np.testing.assert_array_equal(y.argmax(dim), soft.detach().numpy().argmax(dim))
    for order in (1, 2):
        ours, theirs = (mg.grad((s * v).sum(), x, create_graph=True)[0] for s in (hard, soft))
        if order == 2:
            ours, theirs = (mg.grad((g * g).sum(), x)[0] for g in (ours, theirs))
        np.testing.assert_array_equal(ours.detach().numpy(), theirs.detach().numpy())


@pytest.mark.parametrize(
    "draw",
    [
        lambda rng: ops.dropout2d(mg.ones(9, 9, 1), rng=rng),
        lambda rng: ops.bernoulli(mg.full((90,), 0.5), rng=rng),
        lambda rng: ops.multinomial(mg.ones(90), 30, rng=rng),
        lambda rng: ops.multinomial(mg.ones(9, 90), 30, True, rng=rng),
        lambda rng: ops.gumbel_softmax(mg.zeros(9, 9), rng=rng),
        lambda rng: ops.gumbel_softmax(mg.zeros(30, 9), hard=True, rng=rng),
    ],
)
def test_every_draw_is_decided_by_its_generator(draw):
    first = draw(mg.Generator(1)).tolist()
    assert draw(mg.Generator(1)).tolist() == first != draw(mg.Generator(2)).tolist()
    assert draw(mg.Generator(1).spawn("a")).tolist() != draw(mg.Generator(1).spawn("b")).tolist()
    before = default_generator().state_dict()
    draw(mg.Generator(3))
    assert default_generator().state_dict() == before
    mg.manual_seed(1)
    assert draw(None).tolist() == first and default_generator().state_dict() != before


def test_arrays_are_drawn_from_like_tensors():
    for f in (ops.bernoulli, lambda x, rng: ops.multinomial(x, 1, rng=rng), ops.gumbel_softmax):
        x = np.float32([0.2, 0.7])
        expected = f(mg.tensor(x), rng=mg.Generator(1)).tolist()
        assert f(x, rng=mg.Generator(1)).tolist() == expected
