"""Wrong calls of ops (linalg) and what minigen says of them; see test_errors.py."""

from numpy.linalg import LinAlgError

import minigen as mg
from minigen import ops

one, T = mg.ones, mg.tensor

MATMUL = [
    (lambda: one(32, 784) @ one(10, 784), ValueError,
     "matmul: (32, 784) @ (10, 784): inner sizes 784 and 10 differ; did you mean w.T?"),
    (lambda: one(5, 32, 7) @ one(5, 10, 7), ValueError, "did you mean w.mT for the second?"),
    (lambda: one(784, 32) @ one(784, 10), ValueError, "did you mean x.T for the first?"),
    (lambda: one(3) @ one(2), ValueError, "matmul: (3,) @ (2,): inner sizes 3 and 2 differ"),
    (lambda: one(2, 3, 4) @ one(3, 4, 5), ValueError,
     "matmul: (2, 3, 4) @ (3, 4, 5): the leading sizes do not broadcast"),
    (lambda: one(2, 2) @ T(2.0), ValueError, "matmul: a number has no matrix product; use *"),
    (lambda: one(2, 2) @ 2, TypeError, "matmul: int 2 is not a tensor"),
    (lambda: one(2, 2).double() @ one(2, 2), TypeError,
     "matmul: dtypes float64 and float32 differ; cast one with .to()"),
    (lambda: ops.linear(one(2, 3), one(4, 5)), ValueError,
     "linear: x (2, 3) with weight (4, 5): the last size of x must be weight's second"),
    (lambda: ops.linear(one(2, 1, 28, 28), one(10, 784)), ValueError, "did you mean x.flatten(1)?"),
    (lambda: ops.linear(one(2, 3), one(4, 3), one(3)), ValueError,
     "linear: bias (3,) must have weight's first size, (4,)"),
    (lambda: ops.outer(one(2, 1), one(3)), ValueError,
     "outer: a (2, 1) and b (3,) must be vectors, (n,); for stacks, a.unsqueeze(-1) * "
     "b.unsqueeze(-2)"),
    (lambda: ops.dot(one(2, 3), one(2, 3)), ValueError,
     "dot: a (2, 3) and b (2, 3) must be vectors, (n,); matrices take matmul, or (a * b).sum()"),
    (lambda: ops.dot(one(2), one(3)), ValueError, "dot: sizes 2 and 3 differ"),
    (lambda: ops.tensordot(one(2, 3), one(2, 3), dims=1), ValueError,
     "tensordot: dim 1 of a (2, 3) and dim 0 of b (2, 3) are summed together, but their sizes 3 "
     "and 2 differ"),
    (lambda: ops.tensordot(one(2, 3), one(3), dims=2), ValueError,
     "tensordot: dims=2 of a (2, 3) with b (3,): give 0 to 1, or two lists"),
    (lambda: ops.tensordot(one(2, 3), one(3, 2), dims=([0, 1], [0])), ValueError,
     "tensordot: dims ([0, 1], [0]) must pair as many dimensions of a as of b, each once"),
    (lambda: ops.tensordot(one(2, 3), one(3, 2), dims=([2], [0])), IndexError,
     "tensordot: dim 2 is out of range for a tensor of 2 dimensions (expected -2 to 1)"),
    (lambda: ops.tensordot(one(2, 3), one(3, 2), axes=1), TypeError,
     "tensordot: the argument is called dims here, not axes (as in PyTorch)"),
]  # fmt: skip

EINSUM = [
    (lambda: ops.einsum("ij,jk->ik", one(2, 3), one(4, 5)), ValueError,
     "einsum: equation 'ij,jk->ik': j has size 3 in operand 0 (2, 3) and 4 in operand 1 (4, 5); "
     "sizes must agree, or be 1"),
    (lambda: ops.einsum("...i,...", one(2, 3), one(4)), ValueError,
     "einsum: equation '...i,...': ... has size 2 in operand 0 (2, 3) and 4 in operand 1 (4,)"),
    (lambda: ops.einsum("ii", one(2, 3)), ValueError,
     "einsum: equation 'ii': i stands for the diagonal of operand 0 (2, 3), but its sizes 2 and 3 "
     "differ"),
    (lambda: ops.einsum("ij,jk", one(2, 3)), ValueError,
     "einsum: equation 'ij,jk': it names 2 operands, 1 given"),
    (lambda: ops.einsum("ij", one(2, 3, 4)), ValueError,
     "einsum: equation 'ij': 'ij' names 2 dimensions, operand 0 (2, 3, 4) has 3; ... stands for "
     "the others"),
    (lambda: ops.einsum("ij->k", one(2, 3)), ValueError,
     "einsum: equation 'ij->k': k of the output is in no operand"),
    (lambda: ops.einsum("ij->ii", one(2, 3)), ValueError,
     "einsum: equation 'ij->ii': i is twice in the output; a diagonal matrix is no sum of "
     "products"),
    (lambda: ops.einsum("i1->i", one(2, 3)), ValueError,
     "einsum: equation 'i1->i': '1' has no place there: letters, commas, ... and one ->"),
    (lambda: ops.einsum("i.j->ij", one(2, 3)), ValueError,
     "einsum: equation 'i.j->ij': 'i.j' may have three dots, once"),
    (lambda: ops.einsum(one(2), "i"), TypeError,
     'einsum: the equation comes first, as text such as "ij,jk->ik", not a tensor'),
    (lambda: ops.einsum("i,i", one(2), one(2).double()), TypeError,
     "einsum: dtypes float32 and float64 differ; cast one with .to()"),
    (lambda: ops.einsum("i,i", one(2), 3), TypeError, "einsum: int 3 is not a tensor"),
]  # fmt: skip

SINGULAR = "has a singular matrix: one of its rows is a combination of others; add a multiple of"

DECOMPOSITIONS = [
    (lambda: ops.inv(one(2, 3)), ValueError,
     "inv: A (2, 3) must be a square matrix, (..., n, n), or a stack of them"),
    (lambda: ops.svd(one(3)), ValueError,
     "svd: A (3,) must be a matrix, (..., m, n), or a stack of them"),
    (lambda: ops.det(T([[1, 2], [3, 4]])), TypeError,
     "det: A holds int64, not floats; use A.float()"),
    (lambda: ops.inv(one(2, 2)), LinAlgError, f"inv: A (2, 2) {SINGULAR} the identity"),
    (lambda: ops.inv([[1.0]]), TypeError, "inv: list [[1.0]] is not a tensor"),
    (lambda: ops.solve(mg.eye(2), [1.0, 2.0]), TypeError,
     "solve: list [1.0, 2.0] is not a tensor"),
    (lambda: ops.eigh(3), TypeError, "eigh: int 3 is not a tensor"),
    (lambda: ops.solve(one(4, 2, 2), one(2, 1)), LinAlgError, f"solve: A (4, 2, 2) {SINGULAR}"),
    (lambda: ops.solve(mg.eye(3), one(2, 3)), ValueError,
     "solve: A (3, 3) with B (2, 3): B must have 3 rows, as many as A"),
    (lambda: ops.solve(mg.eye(3), one(3, 2), left=False), ValueError,
     "solve: A (3, 3) with B (3, 2): B must have 3 columns, as many as A"),
    (lambda: ops.solve(mg.eye(3), one(2)), ValueError,
     "solve: A (3, 3) with B (2,): B must have 3 elements, as many as A"),
    (lambda: ops.solve(mg.eye(3), one(3), left=False), ValueError,
     "solve: left=False takes a matrix B; for vectors, solve(A.mT, B)"),
    (lambda: ops.solve(mg.eye(3), one(3, 1).double()), TypeError,
     "solve: dtypes float32 and float64 differ; cast one with .to()"),
    (lambda: ops.solve(mg.eye(2).expand(3, 2, 2), one(4, 2, 1)), ValueError,
     "solve: A (3, 2, 2) with B (4, 2, 1): the leading sizes do not broadcast"),
    (lambda: ops.solve_triangular(mg.eye(2), one(2), upper=True), ValueError,
     "solve_triangular: B (2,) must be a matrix: B.unsqueeze(-1)"),
    (lambda: ops.solve_triangular(mg.zeros(2, 2), one(2, 1), upper=True), LinAlgError,
     "solve_triangular: A (2, 2) has a 0 on its diagonal"),
    (lambda: ops.solve_triangular(mg.zeros(3, 2, 2), one(2, 1), upper=False), LinAlgError,
     "solve_triangular: A (3, 2, 2) has a 0 on its diagonal"),
    (lambda: ops.cholesky(-mg.eye(2)), LinAlgError,
     "cholesky: A (2, 2) is not positive definite; add a multiple of the identity"),
    (lambda: ops.eigh(mg.eye(2), UPLO="X"), ValueError,
     'eigh: UPLO is the triangle of A that counts, "L" or "U", not \'X\''),
    (lambda: ops.svd(mg.eye(2) * float("nan")), LinAlgError,
     "svd: A (2, 2) has no singular values that could be found: nan or inf in it?"),
    (lambda: ops.qr(mg.eye(2), mode="full"), ValueError,
     'qr: mode \'full\' is not known: "reduced", "complete" or "r"'),
    (lambda: ops.slogdet(one(2, 2, requires_grad=True)).logabsdet.backward(), LinAlgError,
     f"inv: A (2, 2) {SINGULAR}"),
    (lambda: ops.qr(one(3, 2, requires_grad=True), "complete").R.sum().backward(), RuntimeError,
     'qr: mode="complete" fills up Q with columns that are not unique: they have no gradient. Use '
     'mode="reduced"'),
    (lambda: ops.svd(one(3, 2, requires_grad=True)).U.sum().backward(), RuntimeError,
     "svd: full_matrices=True fills up U or Vh with vectors that are not unique: they have no "
     "gradient. Use svd(A, full_matrices=False), or only the first min(m, n) of them"),
]  # fmt: skip

SPECTRA = [
    (lambda: ops.stft(one(2, 3, 4), 2), ValueError, "stft: x (2, 3, 4) must be (L,) or (B, L)"),
    (lambda: ops.stft(T([1, 2, 3]), 2), TypeError,
     "stft: x holds int64, not floats; use x.float()"),
    (lambda: ops.stft(one(9), 0), ValueError, "stft: n_fft must be a whole number from 1, not 0"),
    (lambda: ops.stft(one(9), 4, window="hann"), TypeError, "stft: str 'hann' is not a tensor"),
    (lambda: ops.stft(one(9), 4, hop_length=1.5), ValueError,
     "stft: hop_length must be a whole number from 1, not 1.5"),
    (lambda: ops.stft(one(9), 4, win_length=5), ValueError,
     "stft: win_length=5 is longer than a frame, n_fft=4"),
    (lambda: ops.stft(one(9), 4, window=one(3)), ValueError,
     "stft: window (3,) must have shape (4,): n_fft, or win_length where it is given"),
    (lambda: ops.stft(one(3), 8), ValueError,
     'stft: pad_mode="reflect" needs 5 values or more for n_fft//2 = 4 on each side, x has 3; '
     '"constant" takes any'),
    (lambda: ops.stft(one(3), 8, pad_mode="mirror"), ValueError,
     "stft: pad_mode 'mirror' is not known: reflect, circular, replicate, constant"),
    (lambda: ops.stft(one(3), 8, center=False), ValueError,
     "stft: x (3,) is shorter than one frame, n_fft=8"),
    (lambda: ops.istft(one(4, 5, 2), 4), ValueError,
     "istft: x (4, 5, 2) must be (..., 3, T, 2) for n_fft=4 and onesided=True"),
    (lambda: ops.istft(one(3, 5), 4), ValueError,
     "istft: x (3, 5) must be (N, T, 2) or (B, N, T, 2)"),
    (lambda: ops.istft(one(3, 5, 2), 4, window=mg.zeros(4)), ValueError,
     "istft: the squared windows add up to 0 at position 2: no frame says anything there"),
    (lambda: ops.istft(one(3, 5, 2), 4, hop_length=5), ValueError,
     "istft: hop_length=5 leaves gaps between windows of 4"),
    (lambda: ops.istft(one(3, 5, 2), 4, length=-1), ValueError,
     "istft: length must be a whole number from 0, not -1"),
    (lambda: ops.stft(one(9), 4, window="hann"), TypeError, "stft: str 'hann' is not a tensor"),
    (lambda: ops.stft(one(9), 4, hop_len=2), TypeError, "did you mean hop_length?"),
]  # fmt: skip
