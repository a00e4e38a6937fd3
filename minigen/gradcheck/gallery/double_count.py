"""A contribution is added twice

What it is

Something that comes back to an entry is counted once too often. The usual ways to it:
- a loop begins with a value that its first turn adds again, as in the example;
- a buffer begins with ones, or with what the last call left in it, where it must be zeros;
- both halves of a symmetric thing are looped over, and its diagonal, or each pair, comes twice;
- pieces of an array overlap by one, and the entry at the seam is added in both;
- a skip connection is added in the block and again behind it.

What looks like it:
- a factor: if everything is counted twice, all ratios are 2, and from the numbers alone nobody can
  tell it from a forgotten 1/2. A double count shows where some entries are right, or where the
  ratios differ;
- a wrong sign of one term: there yours - numeric is 2 times a term of your backward. Here it is a
  term of your backward once;
- an overwritten sum: there something is lost, numeric - yours is what you lack.

How to find it by hand

Print yours - numeric. It is what is there once too often: the last dout, a diagonal, a constant 1.
Or ask each output by itself: let dout be a single 1, at output 0, then at output 1, and so on, and
compare each gradient with forward. The outputs for which it comes out too large are those that are
counted twice.

On paper: T = 2 and DECAY = 1/2, as in the example. So h_0 = x_0 and h_1 = x_0 / 2 + x_1. With
dout = (0, 4) it is dx = (2, 4). A loop that begins with dstate = 4 adds 4 to it and ends with
(4, 8). With dout = (4, 0) it begins with 0, and is right.

The formula

    h_t = DECAY h_(t-1) + x_t,        that is h_t = sum over s up to t of DECAY^(t-s) x_s

x_s is in the outputs from s on:

    dx_s = sum over t from s on of DECAY^(t-s) dout_t

To do this in one loop, let dstate_t be all that comes back to the state at t, from its own output
and from the next state:

    dstate_t = dout_t + DECAY dstate_(t+1),        dx_t = dstate_t

After the last step there is no state, so dstate_T = 0: the loop begins with zeros.
"""

import numpy as np

DECAY = 0.5


def right_forward(x):
    """x (N, T) -> the states h (N, T) of a leaky sum, the simplest recurrent layer."""
    h = np.zeros_like(x)
    state = np.zeros(len(x))
    for t in range(x.shape[1]):
        state = DECAY * state + x[:, t]
        h[:, t] = state
    return h, None


def right_backward(dout, cache):
    """dout (N, T) -> dx (N, T)."""
    dx = np.zeros_like(dout)
    dstate = np.zeros(len(dout))
    for t in reversed(range(dout.shape[1])):
        dstate = dstate + dout[:, t]
        dx[:, t] = dstate
        dstate = DECAY * dstate
    return dx


def right_inputs(seed):
    """x (3, 5)."""
    return (np.random.default_rng(seed).normal(size=(3, 5)),)


wrong_forward = right_forward
wrong_inputs = right_inputs


def wrong_backward(dout, cache):
    """The loop begins at the last step, and the last step is in the loop."""
    dx = np.zeros_like(dout)
    dstate = dout[:, -1]
    for t in reversed(range(dout.shape[1])):
        dstate = dstate + dout[:, t]
        dx[:, t] = dstate
        dstate = DECAY * dstate
    return dx
