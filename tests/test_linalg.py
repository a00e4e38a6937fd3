"""Products, systems and decompositions: what the rows of the table cannot say.

Idea: every equation and every shape that Hypothesis draws against definitions; what defines a
decomposition (A = Q·R ...) instead of another algorithm; matrices that are singular or have equal
eigenvalues; a product in two threads against the same product in one.
Read next: cases_linalg.py, cases_decompositions.py.
"""

import itertools

import numpy as np
import pytest
from cases_linalg import einsum_by_loops, tensordot_by_loops
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from test_properties import SEEDS, assert_bilinear, assert_close, normal

import minigen as mg
from minigen import ops
from minigen.backend import linalg as arrays
from minigen.backend import numpy as cpu
from minigen.gradcheck import assert_gradients, upstream_like

# ---- einsum and tensordot


@st.composite
def equations(draw, operands):
    """An equation, and shapes for it: letters repeat, sizes 1 are repeated, some are summed."""
    letters, sizes = "abcd", draw(st.tuples(*[st.integers(1, 3)] * 4))
    terms = [draw(st.text(letters, max_size=3)) for _ in range(operands)]
    size = dict(zip(letters, sizes, strict=True))
    shapes = []
    for term in terms:
        narrow = draw(st.booleans()) and len({*term}) == len(term)
        shapes.append(tuple(1 if narrow and i == 0 else size[c] for i, c in enumerate(term)))
    used = sorted({*"".join(terms)})
    for c in used:  # a letter that is narrow wherever it occurs has size 1
        assume(any(n == size[c] for t, s in zip(terms, shapes, strict=True)
                   for d, n in zip(t, s, strict=True) if d == c))
    output = "".join(draw(st.permutations(used)))[: draw(st.integers(0, len(used)))]
    return ",".join(terms) + "->" + output, shapes


@given(equations(2), SEEDS)
@settings(max_examples=60)
def test_einsum_of_two_is_its_definition(drawn, seed):
    equation, shapes = drawn
    a, b = normal(seed, *shapes)
    assert_bilinear(
        lambda a, b: ops.einsum(equation, a, b),
        lambda a, b: einsum_by_loops(equation, a, b),
        a, b, seed,
    )  # fmt: skip


@given(equations(3), SEEDS)
@settings(max_examples=40)
def test_einsum_of_three_is_its_definition_whichever_pair_comes_first(drawn, seed):
    equation, shapes = drawn
    xs = normal(seed, *shapes)
    expected, first = einsum_by_loops(equation, *xs), mg.tensor(xs[0])
    others = [mg.tensor(x) for x in xs[1:]]
    y, pull = mg.vjp(lambda x: ops.einsum(equation, x, *others), first)
    assert_close(y.numpy(), expected)
    (v,) = normal(seed + 1, expected.shape)
    assert_close(np.vdot(v, expected), np.vdot(xs[0], pull(mg.tensor(v))[0].numpy()))


def test_without_an_arrow_the_output_is_in_the_alphabets_order():
    x, y = mg.ones(2, 3), mg.ones(4, 2)
    assert ops.einsum("ba", x).shape == (3, 2) and ops.einsum("Ba,cB", x, y).shape == (3, 4)
    assert ops.einsum("aB", x).shape == (3, 2)  # capitals first
    assert ops.einsum("b...,...a", mg.ones(4, 3), mg.ones(3, 2)).shape == (3, 2, 4)
    assert ops.einsum("ij,ij", x, x).item() == 6 and ops.einsum("ij", [x]).shape == (2, 3)


@pytest.mark.parametrize(
    ("equation", "shapes", "products"),
    [
        ("bthd,bshd->bhts", [(2, 3, 4, 5), (2, 6, 4, 5)], ["matmul"]),
        ("bhts,bshd->bthd", [(2, 4, 3, 6), (2, 6, 4, 5)], ["matmul"]),
        ("i,j->ij", [(2,), (3,)], ["mul"]),
        ("ij,jk,kl->il", [(2, 3), (3, 4), (4, 5)], ["matmul", "matmul"]),
        ("bi,oij,bj->bo", [(2, 3), (4, 3, 5), (2, 5)], ["mul", "matmul"]),
    ],
)
def test_a_contraction_is_one_product(equation, shapes, products):
    """And attention's need no copy: the heads go to BLAS as they lie."""
    seen = []

    def note(op, args, y, seconds):
        if op.name in ("matmul", "mul"):
            seen.append(op.name)
        if "h" in equation and op.name == "permute":
            assert y._data.base is not None

    with mg.op_hook(forward=note):
        ops.einsum(equation, *[mg.ones(*shape) for shape in shapes])
    assert seen == products


def test_a_long_chain_takes_the_cheapest_pair_first():
    """(1, n)·(n, n)·(n, n): from the left n² products each, from the right n³."""
    shapes = []

    def note(op, args, y, seconds):
        shapes.append(y.shape)

    with mg.op_hook(forward=note):
        ops.einsum("ij,jk,kl->il", mg.ones(1, 9), mg.ones(9, 9), mg.ones(9, 9))
    assert shapes == [(1, 9), (1, 9)]


@st.composite
def pairings(draw):
    a = draw(st.lists(st.integers(1, 3), max_size=3))
    b = draw(st.lists(st.integers(1, 3), max_size=3))
    count = draw(st.integers(0, min(len(a), len(b))))
    ours = draw(st.permutations(range(len(a))))[:count]
    theirs = draw(st.permutations(range(len(b))))[:count]
    for i, j in zip(ours, theirs, strict=True):
        b[j] = a[i]
    return tuple(a), tuple(b), (list(ours), list(theirs))


@given(pairings(), SEEDS)
@settings(max_examples=60)
def test_tensordot_is_its_definition(drawn, seed):
    shape_a, shape_b, dims = drawn
    a, b = normal(seed, shape_a, shape_b)
    assert_bilinear(
        lambda a, b: ops.tensordot(a, b, dims), lambda a, b: tensordot_by_loops(a, b, dims),
        a, b, seed,
    )  # fmt: skip


# ---- products of stacks


@pytest.mark.numpy_only
@pytest.mark.parametrize(
    ("a", "b"),
    [
        ((4, 8, 8), (4, 8, 8)), ((1, 6, 8, 4), (3, 1, 4, 8)), ((5, 3), (7, 3, 2)),
        ((2, 1, 3, 2), (5, 2, 4)),
    ],
)  # fmt: skip
def test_a_product_in_two_halves_is_the_product(monkeypatch, a, b):
    calls = []

    def halves(f, n):
        calls.append(n)
        cpu.halves(f, n)

    monkeypatch.setattr(arrays, "FEW", 0)
    monkeypatch.setattr(arrays, "SURE", 0)
    monkeypatch.setattr(arrays, "halves", halves)
    a, b = normal(3, a, b)
    for x, y in itertools.product((a, np.asfortranarray(a), a[..., ::-1]), (b, b.swapaxes(0, 0))):
        assert_close(arrays.matmul(x, y), x @ y)
    assert len(calls) == 6


@pytest.mark.numpy_only
def test_a_stack_times_one_matrix_is_one_product(monkeypatch):
    monkeypatch.setattr(arrays, "FEW", 0)
    x, w = normal(1, (3, 4, 5), (5, 2))
    y = arrays.matmul(x, w)
    assert y.base is not None and y.base.ndim == 2  # reshaped
    assert_close(y, np.einsum("abi,ij->abj", x, w))
    assert_close(arrays.matmul(x.swapaxes(0, 1), w), np.einsum("abi,ij->baj", x, w))


# ---- decompositions: what defines them


@given(st.integers(1, 4), st.integers(1, 4), st.sampled_from([(), (2,), (2, 1)]), SEEDS)
@settings(max_examples=40)
def test_decompositions_give_the_matrix_back(m, n, batch, seed):
    (x,) = normal(seed, (*batch, m, n))
    A, k = mg.tensor(x), min(m, n)
    for full in (True, False):
        U, S, Vh = ops.svd(A, full_matrices=full)
        assert U.shape[-1] == (m if full else k) and Vh.shape[-2] == (n if full else k)
        assert_close((U[..., :k] @ (S.unsqueeze(-1) * Vh[..., :k, :])).numpy(), x)
        for Q in (U, Vh.mT):
            assert_close((Q.mT @ Q - mg.eye(Q.shape[-1])).numpy(), 0)
    for mode, size in (("reduced", k), ("complete", m)):
        Q, R = ops.qr(A, mode)
        assert Q.shape[-1] == R.shape[-2] == size
        assert_close((Q @ R).numpy(), x)
        assert_close(R.numpy(), np.triu(R.numpy()))
    assert ops.qr(A, "r").R.shape == (*batch, k, n)


@given(st.integers(1, 4), st.sampled_from([(), (2,)]), st.booleans(), SEEDS)
@settings(max_examples=30)
def test_symmetric_decompositions_read_one_triangle(n, batch, upper, seed):
    x, other = normal(seed, (*batch, n, n), (*batch, n, n))
    x = x @ x.swapaxes(-1, -2) + np.eye(n)
    A = mg.tensor(np.triu(x) + np.tril(other, -1) if upper else np.tril(x) + np.triu(other, 1))
    values, V = ops.eigh(A, "U" if upper else "L")
    assert_close((V * values.unsqueeze(-2) @ V.mT).numpy(), x)
    assert (np.diff(values.numpy()) >= 0).all()
    if not upper:
        L, R = ops.cholesky(A), ops.cholesky(A, upper=True)
        assert_close((L @ L.mT).numpy(), x)
        assert_close(R.numpy(), L.numpy().swapaxes(-1, -2))


def tamed(seed, n):
    (x,) = normal(seed, (n, n))
    return np.eye(n) * 2 + 0.3 * x


@pytest.mark.parametrize(
    "f",
    [
        lambda A: ops.inv(A).sum(),
        lambda A: ops.solve(A, A.mT[:, :1] * A[0, 0]).sum(),
        lambda A: ops.solve_triangular(A, A.mT, upper=True).sum(),
        lambda A: ops.cholesky(A @ A.mT).sum(),
        lambda A: ops.det(A),
        lambda A: ops.slogdet(A).logabsdet,
        lambda A: ops.eigh(A + A.mT)[0].exp().sum() + ops.eigh(A + A.mT)[1].square()[0, 0],
        lambda A: ops.svd(A).S.exp().sum() + (ops.svd(A[:, :2]).U[:, :2].square()[0]).sum(),
        lambda A: ops.qr(A).R.abs().sum() + ops.qr(A[:2]).Q.square()[0, 0],
        lambda A: ops.einsum("ij,jk,ki", A, A, A),
    ],
    ids=lambda f: f.__code__.co_names[1],
)
def test_third_derivatives(f):
    """Differences of Hessian-vector products."""
    A, v, u = tamed(1, 3), *normal(2, (3, 3), (3, 3))

    def along(x):
        return mg.hvp(f, mg.tensor(x), mg.tensor(v))[1][0].numpy()

    x = mg.tensor(A).requires_grad_()
    (g,) = mg.grad(f(x), x, create_graph=True)
    (h,) = mg.grad((g * mg.tensor(v)).sum(), x, create_graph=True)
    assert_close(h.detach().numpy(), along(A))
    (claimed,) = mg.grad((h * mg.tensor(u)).sum(), x)
    assert_gradients(along, [A], [claimed.numpy()], u)


# ---- singular matrices, equal eigenvalues


SINGULAR = [  # of rank 2, 1 and 0, and of rank 1 with other directions
    np.diag([1.0, 2, 0]), np.diag([3.0, 0, 0]), np.zeros((3, 3)),
    np.outer([1.0, -2, 0.5], [0.3, 1, 2]), np.arange(9.0).reshape(3, 3), np.eye(3),
]  # fmt: skip


def by_hand(x):
    """The determinant of a 3×3 matrix as the polynomial that it is."""
    rows = [[x[i, j] for j in range(3)] for i in range(3)]
    (a, b, c), (d, e, f), (g, h, i) = rows
    return a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)


@pytest.mark.parametrize("A", SINGULAR)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_det_is_right_to_second_order_at_singular_matrices(A, dtype):
    A = mg.tensor(A.astype(dtype))
    eps = np.finfo(dtype).eps
    for derivative in (lambda f, x: mg.vjp(f, x)[1](mg.tensor(1.0, dtype=dtype))[0], mg.hessian):
        ours, theirs = derivative(ops.det, A), derivative(by_hand, A)
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), atol=100 * eps)


def test_eigenvalues_and_singular_values_may_coincide():
    for f in (lambda A: ops.eigh(A).eigenvalues.sum(), lambda A: ops.svd(A).S.sum()):
        pull = mg.vjp(f, mg.eye(3, dtype="float64"))[1]
        assert_close(pull(mg.tensor(1.0, dtype="float64"))[0].numpy(), np.eye(3))
    _, pull = mg.vjp(lambda A: ops.svd(A, full_matrices=False).S, mg.zeros(3, 2, dtype="float64"))
    assert np.isfinite(pull(mg.ones(2, dtype="float64"))[0].numpy()).all()


@pytest.mark.parametrize(
    "f",
    [
        lambda A: ops.eigh(A).eigenvectors,
        lambda A: ops.svd(A).U,
        lambda A: ops.svd(A).Vh,
        lambda A: (lambda w, V: V * w.exp().unsqueeze(-2) @ V.mT)(*ops.eigh(A)),  # the exponential
    ],
)
def test_vectors_that_are_not_unique_have_no_gradient_that_looks_right(f):
    """nan, even for a function that has a derivative there: nothing finite would be right."""
    _, pull = mg.vjp(f, mg.eye(2, dtype="float64"))
    assert not np.isfinite(pull(mg.tensor([[1.0, 2], [3, 4]], dtype="float64"))[0].numpy()).all()
    _, along = mg.jvp(f, mg.eye(2, dtype="float64"), mg.tensor([[0.0, 1], [1, 0]]).double())
    assert not np.isfinite(along.numpy()).all()


def test_one_pair_of_equal_eigenvalues_leaves_other_matrices_alone():
    A = mg.tensor(np.stack([np.eye(2), np.diag([1.0, 2])]))
    _, pull = mg.vjp(lambda A: ops.eigh(A).eigenvectors, A)
    found = np.isfinite(pull(mg.ones(2, 2, 2, dtype="float64"))[0].numpy()).all((1, 2))
    assert found.tolist() == [False, True]


# ---- numbers that are hard


def hilbert(n):
    i = np.arange(n)
    return 1.0 / (i[:, None] + i + 1)


@pytest.mark.parametrize("scale", [1e-8, 1.0, 1e8])
def test_scales_in_float32(scale):
    A = (tamed(5, 4) * scale).astype("float32")
    x = mg.tensor(A)
    np.testing.assert_allclose((ops.inv(x) @ x).numpy(), np.eye(4), atol=1e-5)
    log = ops.slogdet(x).logabsdet.item()
    np.testing.assert_allclose(log, np.linalg.slogdet(A.astype("float64"))[1], rtol=1e-5)
    U, S, Vh = ops.svd(x)
    np.testing.assert_allclose((U * S @ Vh).numpy(), A, rtol=1e-4, atol=1e-6 * scale)
    for f in (ops.slogdet, ops.svd, ops.qr):
        (g,) = mg.vjp(lambda x, f=f: f(x)[1].sum(), x)[1](mg.tensor(1.0))
        assert np.isfinite(g.numpy()).all() and g.dtype == "float32"


def test_an_ill_conditioned_system_and_a_large_triangle():
    A, b = hilbert(6), np.ones(6)
    np.testing.assert_allclose(A @ ops.solve(mg.tensor(A), mg.tensor(b)).numpy(), b, atol=1e-8)
    n = arrays.SMALL + 1  # a loop over the stack
    L = np.tril(0.1 * normal(7, (2, n, n))[0], -1) + np.eye(n)
    B = normal(8, (n, 2))[0]
    for upper, A in ((False, L), (True, L.swapaxes(-1, -2))):
        for unit in (False, True):
            X = ops.solve_triangular(mg.tensor(A), mg.tensor(B), upper=upper, unitriangular=unit)
            np.testing.assert_allclose(A @ X.numpy(), np.broadcast_to(B, (2, n, 2)), atol=1e-9)


def test_sizes_zero():
    empty, none = mg.zeros(0, 0), mg.zeros(2, 0, 3, 3)
    assert ops.det(empty).item() == 1 and ops.inv(empty).shape == (0, 0)
    assert ops.slogdet(empty).logabsdet.item() == 0 and ops.cholesky(empty).shape == (0, 0)
    assert [t.shape for t in ops.eigh(none)] == [(2, 0, 3), (2, 0, 3, 3)]
    assert [t.shape for t in ops.svd(mg.zeros(0, 2))] == [(0, 0), (0,), (2, 2)]
    assert [t.shape for t in ops.qr(mg.zeros(3, 0))] == [(3, 0), (0, 0)]
    assert ops.solve_triangular(mg.zeros(0, 3, 3), mg.zeros(3, 2), upper=True).shape == (0, 3, 2)


def test_names_of_results_and_float16():
    A = mg.tensor([[2.0, 1], [1, 2]], dtype="float16")
    assert ops.eigh(A)._fields == ("eigenvalues", "eigenvectors")
    assert ops.qr(A)._fields == ("Q", "R") and ops.svd(A)._fields == ("U", "S", "Vh")
    assert ops.slogdet(A)._fields == ("sign", "logabsdet")
    for f in (ops.inv, ops.det, ops.cholesky, lambda A: ops.eigh(A)[0], lambda A: ops.solve(A, A)):
        y, pull = mg.vjp(f, A)
        assert y.dtype == pull(mg.tensor(upstream_like(y.numpy())))[0].dtype == "float16"


def test_a_wider_bias_keeps_its_digits():
    x, bias = mg.ones(1, 1), mg.tensor([1e-9], dtype="float64")
    assert ops.linear(x, mg.zeros(1, 1), bias).item() == 1e-9
    assert (ops.linear(x, mg.ones(1, 1), bias) - 1).item() == pytest.approx(1e-9)


@pytest.mark.parametrize("scale", [1e-9, 1e8])
def test_cofactors_are_in_range_where_the_determinant_is_not(scale):
    A = tamed(6, 5)
    for f, degree in ((lambda A: ops.det(A), 4), (cofactor_sum, 3)):
        expected, found = (
            mg.vjp(f, mg.tensor(x))[1](mg.tensor(1.0, dtype=x.dtype))[0].numpy()
            for x in (A, (A * scale).astype("float32"))
        )
        np.testing.assert_allclose(found / np.float64(scale) ** degree, expected, atol=2e-4)


def cofactor_sum(A):
    (g,) = mg.grad(ops.det(A), A, create_graph=True)
    return g.sum()


def test_cofactors_of_a_badly_conditioned_matrix_are_not_taken_from_its_inverse():
    """The determinant, 1e-50, is 0 in float32; two of the cofactors are not."""
    A = mg.tensor(np.diag([1, 1e-25, 1e-25]).astype("float32"))
    (g,) = mg.vjp(ops.det, A)[1](mg.tensor(1.0))
    np.testing.assert_allclose(g.numpy(), np.diag([0, 1e-25, 1e-25]), rtol=1e-5)


def test_nan_in_the_triangle_that_is_not_read_does_no_harm():
    A = mg.tensor([[1.0, np.nan], [0.0, 2.0]])
    assert ops.eigh(A, "l").eigenvalues.tolist() == [1, 2]
    with pytest.raises(np.linalg.LinAlgError, match="eigh: A"):
        ops.eigh(A, UPLO="u")
