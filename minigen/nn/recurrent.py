r"""Recurrence: one step of a network that remembers.

Idea: the new state is a mixture of the old one and a proposal n; the gate z says how much of the
old one stays, the gate r how much of it the proposal sees. What z keeps passes unchanged, and so
does its gradient.

$$ r = \sigma(W_{ir}x + b_{ir} + W_{hr}h + b_{hr}) \qquad
   z = \sigma(W_{iz}x + b_{iz} + W_{hz}h + b_{hz}) $$
$$ n = \tanh(W_{in}x + b_{in} + r\,(W_{hn}h + b_{hn})) \qquad h' = (1-z)\,n + z\,h $$

r acts after the product with h ("reset after"), with two biases, as in PyTorch and cuDNN.
Source: Cho et al., Learning Phrase Representations using RNN Encoder-Decoder, EMNLP 2014.
"""

import math

from minigen import ops
from minigen.nn import init
from minigen.nn.module import Module, Parameter, check_sizes
from minigen.ops import zeros


class GRUCell(Module):
    """One step of a gated recurrent unit.

    x (N, input_size), h (N, hidden_size) -> (N, hidden_size); or all without N

    weight_ih (3·hidden_size, input_size), weight_hh (3·hidden_size, hidden_size), bias_ih, bias_hh
    (3·hidden_size,): the rows of r, z and n, in this order. All start from U(-b, b) with
    b = 1/√hidden_size, drawn from rng (None: the default generator). bias=False: no biases.
    """

    def __init__(self, input_size, hidden_size, bias=True, *, rng=None, dtype="float32"):
        super().__init__()
        check_sizes(self, "input_size", input_size)
        check_sizes(self, "hidden_size", hidden_size)
        self.input_size = input_size
        self.hidden_size = hidden_size
        rows = 3 * hidden_size
        self.weight_ih = Parameter(zeros((rows, input_size), dtype=dtype))
        self.weight_hh = Parameter(zeros((rows, hidden_size), dtype=dtype))
        self.bias_ih = Parameter(zeros(rows, dtype=dtype)) if bias else None
        self.bias_hh = Parameter(zeros(rows, dtype=dtype)) if bias else None
        bound = 1 / math.sqrt(hidden_size)
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound, rng=rng)

    def forward(self, x, h=None):
        """x (N, input_size), h (N, hidden_size), None for zeros -> the new h."""
        if h is None:
            h = zeros((*x.shape[:-1], self.hidden_size), dtype=x.dtype, device=x.device)
        self._check(x, h)
        of_x = ops.linear(x, self.weight_ih, self.bias_ih)  # (N, 3·hidden_size)
        of_h = ops.linear(h, self.weight_hh, self.bias_hh)
        (xr, xz, xn), (hr, hz, hn) = ops.chunk(of_x, 3, -1), ops.chunk(of_h, 3, -1)
        r, z = ops.sigmoid(xr + hr), ops.sigmoid(xz + hz)
        n = ops.tanh(xn + r * hn)
        return n + z * (h - n)

    def _check(self, x, h):
        fits = x.ndim in (1, 2) and x.shape[-1] == self.input_size
        if not fits or h.shape != (*x.shape[:-1], self.hidden_size):
            raise ValueError(
                f"GRUCell({self.input_size}, {self.hidden_size}) got x {x.shape} and h {h.shape}, "
                f"expected (N, {self.input_size}) and (N, {self.hidden_size}): one step, not a "
                "sequence"
            )

    def extra_repr(self):
        """The constructor's arguments."""
        bias = "" if self._has("bias_ih") else ", bias=False"
        return f"{self.input_size}, {self.hidden_size}{bias}"
