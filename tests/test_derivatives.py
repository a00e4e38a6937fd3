"""vjp, jvp, hvp, jacobian, hessian against closed forms; checkpoint against doing without."""

import weakref

import numpy as np
import pytest

import minigen as mg
from minigen import nn, ops

RNG = np.random.default_rng(0)


def double(*shape):
    return mg.tensor(RNG.standard_normal(shape))


def close(a, b):
    a, b = (x.detach().numpy() if isinstance(x, mg.Tensor) else np.asarray(x) for x in (a, b))
    return a.shape == b.shape and np.allclose(a, b, rtol=1e-9, atol=1e-9)


def difference(f, x, step=1e-6):
    """The Jacobian of f at x by central differences, an array (m..., n...)."""
    columns = []
    for at in np.ndindex(x.shape):
        one = np.zeros(x.shape)
        one[at] = step
        ahead, behind = f(mg.tensor(x.numpy() + one)), f(mg.tensor(x.numpy() - one))
        columns.append((ahead.numpy() - behind.numpy()) / (2 * step))
    return np.stack(columns, -1).reshape(*columns[0].shape, *x.shape)


A, W = double(3, 4), double(4, 4)


def curve(x):
    """(4,) -> (3,)"""
    return ops.tanh(A @ x) * ops.exp(-0.1 * (x * x).sum())


def bowl(x):
    """(4,) -> (), with the Hessian W + Wᵀ plus 6·diag(x)."""
    return x @ W @ x + (x**3).sum()


# ---- the five functions


def test_vjp():
    x, v = double(4), double(3)
    y, pull = mg.vjp(curve, x)
    assert close(y, curve(x)) and not y.requires_grad
    for upstream in (v, -v):  # it may be called again
        (g,) = pull(upstream)
        assert np.allclose(g.numpy(), upstream.numpy() @ difference(curve, x), atol=1e-7)


def test_jvp():
    x, t = double(4), double(4)
    y, along = mg.jvp(curve, x, t)
    assert close(y, curve(x)) and not along.requires_grad
    assert np.allclose(along.numpy(), difference(curve, x) @ t.numpy(), atol=1e-7)


def test_hvp():
    x, v = double(4), double(4)
    y, (product,) = mg.hvp(bowl, x, v)
    hessian = W.numpy() + W.numpy().T + 6 * np.diag(x.numpy())
    assert close(y, bowl(x)) and close(product, hessian @ v.numpy()) and not product.requires_grad


def test_jacobian():
    x = double(4)
    assert np.allclose(mg.jacobian(curve, x).numpy(), difference(curve, x), atol=1e-7)
    assert close(mg.jacobian(lambda x: A @ x, x), A)
    swapped = np.eye(6).reshape(2, 3, 2, 3).transpose(1, 0, 2, 3)
    assert close(mg.jacobian(lambda x: x.T, double(2, 3)), swapped)
    assert mg.jacobian(lambda x: x.sum(), double(2, 3)).shape == (2, 3)


def test_hessian():
    x = double(4)
    assert close(mg.hessian(bowl, x), W.numpy() + W.numpy().T + 6 * np.diag(x.numpy()))
    square = mg.hessian(lambda x: (x * x * x).sum(), double(2, 2))
    assert square.shape == (2, 2, 2, 2)


def test_several_inputs():
    x, y, u, v = double(3), double(3), double(3), double(3)
    f = lambda x, y: (x * x * y).sum()  # noqa: E731
    gx, gy = mg.vjp(f, x, y)[1](mg.tensor(np.float64(1.0)))
    assert close(gx, 2 * x * y) and close(gy, x * x)
    assert close(mg.jvp(f, (x, y), (u, v))[1], (2 * x * y * u + x * x * v).sum())
    hx, hy = mg.hvp(f, (x, y), (u, v))[1]
    assert close(hx, 2 * y * u + 2 * x * v) and close(hy, 2 * x * u)


def test_forward_and_reverse_products_agree():
    x, t, v = double(4), double(4), double(3)
    along, (back,) = mg.jvp(curve, x, t)[1], mg.vjp(curve, x)[1](v)
    assert close((along * v).sum(), (back * t).sum())


def test_products_through_fused_ops():
    f = lambda x: ops.gelu(x) * ops.silu(x)  # noqa: E731
    x, t = double(5), double(5)
    expected = difference(f, x)
    assert np.allclose(mg.jvp(f, x, t)[1].numpy(), expected @ t.numpy(), atol=1e-7)
    hessian = mg.hessian(lambda x: f(x).sum(), x).numpy()
    first = lambda x: mg.tensor(np.diagonal(mg.jacobian(f, x).numpy()).copy())  # noqa: E731
    assert np.allclose(hessian, difference(first, x), atol=1e-6)


CONSTANT = lambda x: ops.zeros(2, dtype="float64")  # noqa: E731


def test_functions_that_do_not_depend_on_their_input_have_derivative_0():
    x, v = double(3), double(2)
    assert mg.vjp(CONSTANT, x)[1](v)[0].tolist() == [0, 0, 0]
    assert mg.jvp(CONSTANT, x, x)[1].tolist() == [0, 0]
    assert mg.jacobian(CONSTANT, x).tolist() == [[0, 0, 0]] * 2
    for f in (lambda x: CONSTANT(x).sum(), lambda x: (x * 3).sum()):
        assert mg.hvp(f, x, x)[1][0].tolist() == [0, 0, 0]
        assert mg.hessian(f, x).tolist() == [[0, 0, 0]] * 3
    assert mg.jacobian(lambda x: x[:0], x).shape == (0, 3)
    gx, gy = mg.vjp(lambda x, y: x * 2, x, v)[1](x)
    assert close(gx, 2 * x) and gy.tolist() == [0, 0]


def test_a_recorded_jacobian_can_be_differentiated():
    x = mg.tensor([1.0, 2.0], dtype="float64", requires_grad=True)
    jacobian = mg.jacobian(lambda x: x**3, x * 2, create_graph=True)  # diag(3·(2x)²)
    assert close(mg.grad(jacobian.sum(), x)[0], 24 * x)
    assert not mg.jacobian(lambda x: x**3, x).requires_grad


def test_they_work_under_no_grad_and_leave_dot_grad_alone():
    x = mg.tensor([1.0, 2.0], requires_grad=True)
    with mg.no_grad():
        assert mg.hessian(lambda x: (x**3).sum(), x).tolist() == [[6, 0], [0, 12]]
        assert mg.jvp(lambda x: x * x, x, mg.ones(2))[1].tolist() == [2, 4]
    assert x.grad is None


# ---- checkpoint


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        rng = mg.Generator(4)
        self.linear, self.norm = nn.Linear(6, 6, rng=rng), nn.Tanh()

    def forward(self, x):
        return self.norm(self.linear(ops.dropout(x, 0.5)))


def steps(f, through):
    """Value of f and its gradients, run through `through`, on fixed inputs and weights."""
    mg.manual_seed(7)
    x = mg.Generator(1).normal((3, 6)).requires_grad_()
    block = Block()
    y = through(lambda x: f(block, x), x * 1)
    (y * y).sum().backward()
    after = mg.Generator.state_dict(mg.ops.random.default_generator())
    return [y, x.grad, *(p.grad for p in block.parameters())], after


def same(ones, others):
    pairs = zip(ones, others, strict=True)
    return all(np.array_equal(a.detach().numpy(), b.detach().numpy()) for a, b in pairs)


def plain(f, *inputs):
    return f(*inputs)


FUNCTIONS = {
    "parameters inside": lambda block, x: block.linear(x).tanh(),
    "dropout from the default generator": lambda block, x: block(x) + ops.dropout(x),
    "several layers": lambda block, x: block.linear(block.linear(x).tanh()),
    "the input itself": lambda block, x: x,
    "one op": lambda block, x: x * 2,
}


@pytest.mark.parametrize("f", FUNCTIONS.values(), ids=FUNCTIONS)
def test_checkpoint_gives_the_same_bits(f):
    (values, state), (expected, other_state) = steps(f, mg.checkpoint), steps(f, plain)
    values, expected = ([v for v in vs if v is not None] for vs in (values, expected))
    assert same(values, expected) and state == other_state


def test_checkpoint_with_a_generator_of_ones_own():
    def run(through):
        rng, x = mg.Generator(5), mg.ones(100, requires_grad=True)
        rng.normal(3)
        if through is plain:
            y = ops.dropout(x * 1, rng=rng)
        else:
            y = mg.checkpoint(lambda x: ops.dropout(x, rng=rng), x * 1, rng=rng)
        between = rng.normal(2)
        (y * y).sum().backward()
        return [y, x.grad, between, rng.normal(2)]

    assert same(run(mg.checkpoint), run(plain))


def test_checkpoint_forgets_what_is_inside():
    inside = []

    def f(x):
        h = x * 2
        inside.append(weakref.ref(h.data))
        return h.exp()

    x = mg.ones(3, requires_grad=True)
    y = mg.checkpoint(f, x)
    assert inside[0]() is None
    y.sum().backward()
    assert np.allclose(x.grad.numpy(), 2 * np.exp(2)) and len(inside) == 2


def test_checkpoint_passes_on_gradients_to_all_that_its_function_uses():
    x, w = mg.tensor([2.0], requires_grad=True), mg.tensor([3.0], requires_grad=True)
    h = w * w  # an intermediate, and its leaf, both used inside
    y = mg.checkpoint(lambda x: x * h * w, x * 1)  # x·w³
    (y + h).sum().backward()
    assert x.grad.tolist() == [27] and w.grad.tolist() == [3 * 2 * 9 + 6]


def test_an_input_may_be_used_from_outside_too():
    x = mg.tensor([3.0], requires_grad=True)
    h = x * 1
    (mg.checkpoint(lambda a: a * x, x) + mg.checkpoint(lambda a: a * h, h)).sum().backward()
    assert x.grad.tolist() == [12]


def test_checkpoint_takes_inputs_that_are_constant_or_no_tensors():
    x, c = mg.ones(2, requires_grad=True), mg.tensor([3.0, 4.0])
    y = mg.checkpoint(lambda c, n, x: (c * x) ** n, c, 2, x)
    y.sum().backward()
    assert x.grad.tolist() == [18, 32] and c.grad is None
    assert not mg.checkpoint(lambda c: c * 2, c).requires_grad
    assert mg.checkpoint(lambda c: c * x, c).requires_grad  # only what is inside requires grad


def test_checkpoint_of_higher_order():
    def run(through):
        x = mg.tensor([0.3, -0.7], dtype="float64", requires_grad=True)
        w = mg.tensor([1.3, 0.7], dtype="float64", requires_grad=True)
        y = through(lambda x: ops.gelu(x * w).exp() * w, x * w)
        gx, gw = mg.grad(y.sum(), [x, w], create_graph=True)
        return [gx, gw, *mg.grad((gx * gx + gw).sum(), [x, w])]

    assert all(close(a, b) for a, b in zip(run(mg.checkpoint), run(plain), strict=True))


def test_checkpoint_within_checkpoint():
    def run(through):
        mg.manual_seed(1)
        x = mg.ones(8, requires_grad=True)
        y = through(lambda x: through(lambda x: ops.dropout(x * x), x * 2) * x, x * 1)
        (y * y).sum().backward()
        return [y, x.grad]

    assert same(run(mg.checkpoint), run(plain))


def test_checkpoint_under_no_grad_just_runs():
    x = mg.ones(2, requires_grad=True)
    with mg.no_grad():
        assert not mg.checkpoint(lambda x: x * 2, x).requires_grad
        assert mg.checkpoint(lambda x: x, x) is x


def test_checkpoint_runs_its_function_again_only_where_asked():
    runs = []

    def f(x):
        runs.append(1)
        return x * 2

    x, w = mg.ones(2, requires_grad=True), mg.ones(2, requires_grad=True)
    y = mg.checkpoint(f, x) + w
    mg.grad(y.sum(), w)
    assert len(runs) == 1


def test_a_failing_function_leaves_the_generator_where_it_was():
    rng, fail = mg.Generator(0), []

    def f(x):
        rng.normal(2)
        if fail:
            raise KeyError
        return x * 2

    y = mg.checkpoint(f, mg.ones(2, requires_grad=True), rng=rng)
    fail.append(True)
    state = rng.state_dict()
    with pytest.raises(KeyError):
        y.sum().backward()
    assert rng.state_dict() == state


@pytest.mark.parametrize(
    "call",
    [
        lambda f, x: mg.vjp(f, x),
        lambda f, x: mg.jvp(f, x, x),
        lambda f, x: mg.hvp(f, x, x),
        lambda f, x: mg.jacobian(f, x),
        lambda f, x: mg.hessian(f, x),
    ],
)
def test_functions_return_one_tensor(call):
    with pytest.raises(TypeError, match=r"\w+: f must return one tensor, got tuple"):
        call(lambda x: (x, x), mg.ones(2))
