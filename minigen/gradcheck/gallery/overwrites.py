"""Contributions overwrite each other

What it is

Several outputs send something back to one entry, and only one of it is kept, mostly the last. The
sum is written with = where += is needed:
- in a loop over windows that overlap, as in a convolution, or a max pooling of 3 with stride 2;
- for a parameter that is used twice: grads["w"] = ... in both places.
Or it is written with +=, and still not added: dtable[ids] += dout, with an array of ids, means
dtable[ids] = dtable[ids] + dout. NumPy reads all rows, adds, and then writes them all. A row whose
id is there three times is written three times, each time with one contribution. The last one stays.

It needs words that repeat, windows that overlap, a weight that is used again: a first small test
often has none of these.

What looks like it:
- a missing term: a forgotten second use of a weight in a formula, not in an assignment. In both
  cases numeric - yours is what is lost;
- a factor: if every id is there twice, and sends the same, all rows are half as large;
- a double count: the reverse, where yours is too large.

How to find it by hand

Count. For an embedding nothing gets lost on the way: dtable.sum(axis=0) must be dout summed over
all tokens. Print both. Then print np.bincount(ids.ravel()) beside the rows that are wrong: they are
those with a 2 or more. In a loop over windows print, for one entry, each value that is assigned to
it. And try inputs without repeats (stride as large as the window): if the mistake is gone, this is
it.

On paper: a table of two rows with D = 1, ids = (1, 1), dout = (3, 4). Row 1 is read twice, so it
gets 3 + 4: dtable = (0, 7). With += it is (0, 4).

The formula

    y_nt = table_(ids_nt)

Row v is in all outputs whose id it is:

    dtable_v = sum over all n, t with ids_nt = v of dout_nt

    np.add.at(dtable, ids, dout)

which adds one after the other. The same is the product one_hot(ids).T @ dout, with ids and dout
laid flat.
"""

import numpy as np


def right_forward(table, ids):
    """table (V, D), ids (N, T) -> y (N, T, D)."""
    return table[ids], (ids, table.shape)


def right_backward(dout, cache):
    """dout (N, T, D) -> dtable (V, D)."""
    ids, shape = cache
    dtable = np.zeros(shape)
    np.add.at(dtable, ids, dout)
    return dtable


def right_inputs(seed):
    """table (6, 3), ids (2, 3), in which 1 is there three times."""
    table = np.random.default_rng(seed).normal(size=(6, 3))
    return table, np.array([[1, 4, 1], [0, 5, 1]])


wrong_forward = right_forward
wrong_inputs = right_inputs


def wrong_backward(dout, cache):
    """+= looks like a sum."""
    ids, shape = cache
    dtable = np.zeros(shape)
    dtable[ids] += dout
    return dtable
