"""Ops that a user defines, of both kinds, as minigen/op.py says: and what is said of mistakes."""

import re

import numpy as np
import pytest

import minigen as mg
from minigen import fused, ops, primitive
from minigen.backend import array_module
from minigen.gradcheck import assert_gradients, upstream_like
from minigen.ops import exp

# ---- a primitive: the formula, the forward on arrays, one VJP per input on tensors


@primitive(
    lambda g, y, x, t: g * t * exp(t * x - y),
    lambda g, y, x, t: g * x * exp(t * x - y),
)
def softplus_at(x, t=1.0):
    """log(exp(t·x) + 1), with an inverse temperature t.

    Both VJPs name the output, y, and both arguments.
    """
    xp = array_module(x)
    return xp.log1p(xp.exp(t * x))


@primitive(
    lambda g, a, b_shape: g * 2 * a,
    lambda g, b: g * 3 * b * b,
)
def squares_and_cubes(a, b):
    """a² + b³, with broadcasting: an op never sums gradients itself."""
    return a * a + b**3


@primitive(lambda g, tensors, tensors_shape: [g / len(tensors_shape) for _ in tensors])
def average(*tensors):
    """The mean of any number of tensors."""
    return sum(tensors) / len(tensors)


def times(*shape):
    return mg.Generator(len(shape)).normal(shape, dtype="float64")


def test_a_primitive_is_an_ordinary_op():
    a = mg.tensor([[1.0], [2.0]], requires_grad=True)
    b = mg.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = squares_and_cubes(a, b)
    assert y.shape == (2, 3) and repr(y).endswith("op=squares_and_cubes)")
    y.sum().backward()
    assert a.grad.tolist() == [[6], [12]] and b.grad.tolist() == [6, 24, 54]
    assert squares_and_cubes(b=b, a=a).tolist() == y.tolist()
    assert not squares_and_cubes(a.detach(), 2.0).requires_grad
    with pytest.raises(TypeError, match="squares_and_cubes: no argument c"):
        squares_and_cubes(a, c=b)


def test_its_derivatives_of_every_order_follow():
    x = mg.tensor([0.5, -1.0], dtype="float64", requires_grad=True)
    (first,) = mg.grad(softplus_at(x).sum(), x, create_graph=True)
    (second,) = mg.grad(first.sum(), x, create_graph=True)
    (third,) = mg.grad(second.sum(), x)
    s = 1 / (1 + np.exp(-x.detach().numpy()))
    assert np.allclose(first.detach().numpy(), s)
    assert np.allclose(second.detach().numpy(), s * (1 - s))
    assert np.allclose(third.numpy(), s * (1 - s) * (1 - 2 * s))


@pytest.mark.parametrize(
    ("op", "shapes"),
    [(softplus_at, [(4,), (4,)]), (squares_and_cubes, [(3, 1), (4,)]), (average, [(2,)] * 3),
     (lambda x, w: rms_norm(x, w), [(3, 4), (4,)])],
    ids=["softplus_at", "squares_and_cubes", "average", "rms_norm"],
)  # fmt: skip
def test_gradients_agree_with_differences(op, shapes):
    rng = mg.Generator(5)
    arrays = [rng.uniform(shape, 0.5, 1.5, dtype="float64").numpy() for shape in shapes]
    xs = [mg.tensor(x, requires_grad=True) for x in arrays]
    y = op(*xs)
    upstream = upstream_like(y.detach().numpy())
    claimed = [g.numpy() for g in mg.grad(y, xs, upstream)]
    assert_gradients(
        lambda *arrays: op(*map(mg.tensor, arrays)).numpy(), arrays, claimed, upstream
    )


def test_a_variadic_primitive_has_one_vjp_that_returns_a_list():
    x, y = mg.tensor([1.0, 2.0], requires_grad=True), mg.tensor([3.0, 4.0], requires_grad=True)
    average(x, y, x, mg.tensor([1.0, 1.0])).sum().backward()
    assert x.grad.tolist() == [0.5, 0.5] and y.grad.tolist() == [0.25, 0.25]
    assert mg.grad((average(x, y) * x).sum(), y)[0].tolist() == [0.5, 1]


def test_a_vjp_may_be_none_or_return_none():
    @primitive(lambda g: g, None)
    def shifted(x, by):
        return x + by

    @primitive(lambda g: None, lambda g: g)
    def second(a, b):
        return b * 1

    @primitive()
    def rounded(x):
        return array_module(x).round(x)

    x, w = mg.ones(2, requires_grad=True), mg.ones(2, requires_grad=True)
    assert not shifted(x.detach(), w).requires_grad and not rounded(x).requires_grad
    shifted(x, w).sum().backward()
    second(x, w).sum().backward()
    assert x.grad.tolist() == [1, 1] and w.grad.tolist() == [1, 1]
    assert mg.grad(second(x, w).sum(), x, allow_unused=True) == (None,)


def test_results_follow_the_dtype_policy_and_integers_are_never_recorded():
    @primitive(lambda g: g)
    def whole(x):
        return array_module(x).floor(x).astype("int32")

    x = mg.tensor([1.5], requires_grad=True)
    assert not whole(x).requires_grad and whole(x).dtype == np.int32
    assert softplus_at(mg.tensor([1, 2])).dtype == np.float32


# ---- a fused op: forward and backward on arrays, and a reference made of ops


def _reference(x, weight, eps):
    norm = (x * x).mean(-1, keepdim=True)
    return x * (norm + eps).rsqrt() * weight


@fused("x", "weight", reference=_reference)
def rms_norm(x, weight, eps=1e-6):
    """x / sqrt(mean(x²) + eps) · weight, over the last dimension."""
    xp = array_module(x)
    scale = 1 / xp.sqrt((x * x).mean(-1, keepdims=True) + eps)
    unit = x * scale

    def backward(g, needs):
        dx = dweight = None
        if needs.x:
            along = g * weight
            dx = scale * (along - unit * (along * unit).mean(-1, keepdims=True))
        if needs.weight:
            dweight = (g * unit).sum(tuple(range(g.ndim - 1)))
        return dx, dweight

    return unit * weight, backward


def test_a_fused_op_agrees_with_its_reference_in_value_and_gradients():
    x, w, g = times(5, 4).requires_grad_(), times(4).requires_grad_(), times(5, 4)
    y, other = rms_norm(x, w), _reference(x, w, 1e-6)
    assert np.allclose(y.detach().numpy(), other.detach().numpy())
    pairs = zip(mg.grad(y, [x, w], g), mg.grad(other, [x, w], g), strict=True)
    assert all(np.allclose(a.numpy(), b.numpy()) for a, b in pairs)


def test_a_recorded_gradient_goes_through_the_reference():
    x, w = times(5, 4).requires_grad_(), times(4).requires_grad_()

    def second_order(norm):
        gx, gw = mg.grad(norm(x, w, 1e-6).square().sum(), [x, w], create_graph=True)
        return mg.grad((gx * gx).sum() + gw.sum(), [x, w])

    for a, b in zip(second_order(rms_norm), second_order(_reference), strict=True):
        assert np.allclose(a.numpy(), b.numpy())


def test_a_fused_op_is_told_what_is_needed():
    told = []

    @fused("a", "b", reference=lambda a, b: a * b)
    def product(a, b, *, needs):
        told.append(("forward", *needs))

        def backward(g, needs):
            told.append(("backward", *needs))
            return g * b if needs.a else None, g * a if needs.b else None

        return a * b, backward

    a, b = mg.ones(2, requires_grad=True), mg.ones(2, requires_grad=True)
    product(a, b.detach()).sum().backward()
    mg.grad(product(a, b).sum(), b)
    product(a.detach(), b.detach())
    assert told == [
        ("forward", True, False), ("backward", True, False),
        ("forward", True, True), ("backward", False, True),
        ("forward", False, False),
    ]  # fmt: skip


def test_the_same_tensor_may_be_several_inputs_of_a_fused_op():
    x = times(3).requires_grad_()
    (first,) = mg.grad(rms_norm(x, x).sum(), x, create_graph=True)
    (plain,) = mg.grad(_reference(x, x, 1e-6).sum(), x, create_graph=True)
    assert np.allclose(first.detach().numpy(), plain.detach().numpy())
    assert np.allclose(mg.grad(first.sum(), x)[0].numpy(), mg.grad(plain.sum(), x)[0].numpy())


# ---- mistakes


def broken(*vjps, forward=lambda x: x * 1):
    """An op called `scaled` with these VJPs, called and differentiated."""
    forward.__name__ = "scaled"
    primitive(*vjps)(forward)(mg.ones(3, requires_grad=True)).sum().backward()


def broken_fused(backward):
    """A fused op called `scaled` with this backward, called and differentiated."""

    @fused("a", "b", reference=lambda a, b: a + b)
    def scaled(a, b):
        return a + b, backward

    scaled(mg.ones(3, requires_grad=True), mg.ones(3)).sum().backward()


def named(forward):
    forward.__name__ = "scaled"
    return forward


MISTAKES = [
    (
        lambda: broken(lambda x, g: g),
        TypeError,
        "scaled: a VJP takes g first, then any of x, x_shape, y; this one takes x, g",
    ),
    (lambda: broken(lambda g, z: g), TypeError, "any of x, x_shape, y; this one takes g, z"),
    (lambda: broken(lambda g: g, lambda g: g), TypeError, "scaled: 2 VJPs for the parameters x"),
    (
        lambda: primitive(lambda g: [g], lambda g: [g])(named(lambda *xs: xs[0])),
        TypeError,
        "scaled: 2 VJPs for the parameters xs (a forward with *tensors has one VJP, for all)",
    ),
    (
        lambda: broken(lambda g: g.sum()),
        RuntimeError,
        "scaled: its VJP returned a gradient of shape () for an input of shape (3,); a VJP must",
    ),
    (
        lambda: broken(lambda g: ops.cat([g, g])),
        RuntimeError,
        "scaled: its VJP returned a gradient of shape (6,) for an input of shape (3,)",
    ),
    (
        lambda: broken(lambda g: g.numpy()),
        TypeError,
        "scaled: its VJP returned ndarray; a VJP is made of tensors and ops, and returns a tensor",
    ),
    (lambda: broken(lambda g: 1.0), TypeError, "scaled: its VJP returned float"),
    (
        lambda: broken(lambda g: [], forward=lambda *xs: xs[0] * 1),
        TypeError,
        "scaled: the VJP of *xs must return a list with one gradient for each, not 0 of them",
    ),
    (
        lambda: broken(lambda g: g, forward=lambda *xs: xs[0] * 1),
        TypeError,
        "scaled: the VJP of *xs must return a list with one gradient for each, not Tensor",
    ),
    (
        lambda: primitive(lambda g: g)(named(lambda x, *, scale: x)),
        TypeError,
        "scaled: the forward of an op is called with positions only; scale must be an ordinary",
    ),
    (
        lambda: primitive(lambda g: g)(named(lambda x, **more: x)),
        TypeError,
        "scaled: the forward of an op is called with positions only; more must be an ordinary",
    ),
    (
        lambda: fused("z", reference=abs)(named(lambda x: (x, None))),
        TypeError,
        "scaled: z is not one of its parameters",
    ),
    (
        lambda: broken_fused(lambda g, needs: g),
        TypeError,
        "scaled: its backward must return one array or None for each of a, b, not ndarray",
    ),
    (
        lambda: broken_fused(lambda g, needs: (g,)),
        TypeError,
        "scaled: its backward must return one array or None for each of a, b, not 1 of them",
    ),
    (
        lambda: broken_fused(lambda g, needs: (g[:2], None)),
        RuntimeError,
        "scaled: its VJP returned a gradient of shape (2,) for an input of shape (3,)",
    ),
    (lambda: average(mg.ones(2), dim=0), TypeError, "average: takes no keywords, got dim"),
]


@pytest.mark.parametrize(("mistake", "error", "text"), MISTAKES, ids=[t[:50] for *_, t in MISTAKES])
def test_mistakes_are_named(mistake, error, text):
    with pytest.raises(error, match=re.escape(text)):
        mistake()


# ---- mistakes that would be silent


def test_a_fused_forward_without_its_backward_is_refused():
    @fused("x", reference=lambda x: ops.exp(x))
    def forgetful(x):
        return np.exp(x)

    for size in (2, 3):  # two elements could be taken for (y, backward)
        with pytest.raises(TypeError, match=r"forgetful: the forward of a fused op returns"):
            forgetful(mg.ones(size))


def test_a_primitive_of_two_results_is_refused():
    @primitive(lambda g: g)
    def twice(x):
        return x, 2 * x

    with pytest.raises(TypeError, match="twice: the forward of an op returns one array, not 2"):
        twice(mg.ones(3))


def test_primitive_without_parentheses_is_refused():
    with pytest.raises(TypeError, match=r"cube is no VJP.*write @primitive\(vjp, ...\), or @prim"):

        @primitive
        def cube(x):
            return x**3


def test_retain_grad_keeps_what_the_hooks_made():
    x = mg.ones(2, requires_grad=True)
    y = x * 2
    y.retain_grad()
    y.register_hook(lambda g: g * 10)
    y.sum().backward()
    assert y.grad.tolist() == [10, 10] and x.grad.tolist() == [20, 20]
