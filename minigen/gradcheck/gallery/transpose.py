"""A matrix is transposed, or axes are in another order

What it is

There are two forms. A factor is transposed: dout @ w where dout @ w.T is needed. Or the result is:
the right numbers at [j, i] instead of [i, j], as in a dw that is returned as dout.T @ x. In both
cases NumPy objects if the lengths do not fit. It does not if they are equal: a layer with as many
outputs as inputs, attention with T queries and T keys, a batch as large as the layer.

The third of this family is a reshape in place of a transpose. (T, heads, d) becomes (heads, T, d)
by transpose(1, 0, 2). reshape(heads, T, d) gives the same shape, leaves the numbers in the order in
which they lie in memory, and so deals them to the wrong heads.

What looks like it:
- swapped gradients: dq and dk of an attention have one shape, and so do two square matrices. Then
  the other argument is wrong, too, and holds what is missing here;
- a wrong axis: there the numbers themselves are wrong, because a sum ran another way;
- a flip: reversed along one axis, not mirrored at the diagonal.

How to find it by hand

Test with lengths that are all different, N = 5, D = 3, M = 2: most of these mistakes then raise an
error. Where the layer must be square, print np.sort(yours.ravel()) and the same of the numeric one.
If they are equal, the numbers are right and their places wrong: compare yours.T. If not, a factor
inside is transposed.

Write the shapes under every product, with letters and not with numbers. dx (N, D) is made of dout
(N, M) and w (D, M): the only product of the two with the shape (N, D) is dout @ w.T.

On paper: one sample x = (x_0, x_1), w = [[1, 2], [3, 4]], dout = (1, 0). The first output is
x_0 * 1 + x_1 * 3. So dx = (1, 3), the first column of w, and that is dout @ w.T; dout @ w is
(1, 2), its first row.

The formula

    y_nj = sum over i of x_ni w_ij + b_j

x_ni is in all outputs of its row, y_n0, y_n1, ..., each time with the weight w_ij:

    dx_ni = sum over j of dout_nj w_ij

In a product of matrices the index of the sum is the last of the left and the first of the right
one. Here j is the last index of w, so w must be turned: dx = dout @ w.T. In the same way

    dw_ij = sum over n of x_ni dout_nj        dw = x.T @ dout
    db_j  = sum over n of dout_nj             db = dout.sum(axis=0)
"""

import numpy as np


def right_forward(x, w, b):
    """x (N, D), w (D, M), b (M,) -> y (N, M)."""
    return x @ w + b, (x, w)


def right_backward(dout, cache):
    """dout (N, M) -> dx (N, D), dw (D, M), db (M,)."""
    x, w = cache
    dx = dout @ w.T
    return dx, x.T @ dout, dout.sum(axis=0)


def right_inputs(seed):
    """x (5, 3), w (3, 3), b (3,): D = M, so that no shape can object."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(5, 3)), rng.normal(size=(3, 3)), rng.normal(size=3)


wrong_forward = right_forward
wrong_inputs = right_inputs


def wrong_backward(dout, cache):
    """w as it was in forward."""
    x, w = cache
    dx = dout @ w
    return dx, x.T @ dout, dout.sum(axis=0)
