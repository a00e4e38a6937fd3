"""The code does not come to an end

What it is

Forward or backward ran until the checker ended it (--timeout, 60 seconds for a pair if nothing
else is said). Either a loop never ends, or the work is too much: Python loops over each pixel
of a batch, a Jacobian with as many columns as there are outputs, inputs that are larger than a
test needs.

How to find it by hand

Print the counter of each loop, or stop the run with Ctrl-C: the traceback shows the line where
it was. A while loop needs a line that changes its condition, in every branch. A for loop over
range cannot forget it, and backward in time is reversed(range(T)). If the loop does end but
takes long, time one call of forward on small inputs; the checker calls it about 20 times for
each entry of the inputs, at all its seeds together. Give it small inputs (<name>_inputs(seed)):
a (2, 3, 5, 5) image has all corners that a (64, 3, 224, 224) one has.

The formula

A leaky integrator, h_0 = 0 and h_t = a h_{t-1} + x_t for t = 1 ... T. Backward goes through
time the other way, d_t being the gradient of h_t from t on, with d_{T+1} = 0:

    d_t = dout_t + a d_{t+1}        dx_t = d_t        t = T, T - 1, ..., 1
"""

import numpy as np

LEAK = 0.9


def right_forward(x):
    """x (T, D) -> the sum of all that came so far, of which a tenth leaks away at each step."""
    h = np.zeros_like(x)
    state = np.zeros(x.shape[1])
    for t in range(len(x)):
        state = LEAK * state + x[t]
        h[t] = state
    return h, len(x)


def right_backward(dout, cache):
    """dout (T, D) -> dx (T, D)."""
    dx, state = np.zeros_like(dout), 0
    t = cache - 1
    while t >= 0:
        state = dout[t] + LEAK * state
        dx[t] = state
        t -= 1
    return dx


def right_inputs(seed):
    """x (5, 2)."""
    return (np.random.default_rng(seed).normal(size=(5, 2)),)


wrong_forward = right_forward
wrong_inputs = right_inputs


def wrong_backward(dout, cache):
    """Time stands still."""
    dx, state = np.zeros_like(dout), 0
    t = cache - 1
    while t >= 0:
        state = dout[t] + LEAK * state
        dx[t] = state
    return dx
