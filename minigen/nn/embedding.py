"""The embedding layer."""

from numbers import Integral

from minigen import ops
from minigen.nn import init
from minigen.nn.module import Module, Parameter, check_sizes
from minigen.nn.parameter import is_shape_only
from minigen.ops import zeros


class Embedding(Module):
    """A vector for each of num_embeddings ids.   (...) of integers -> (..., embedding_dim)

    weight: (num_embeddings, embedding_dim), starts from N(0, 1), drawn from rng (None: the default
    generator). The row padding_idx starts as zeros and gets no gradient.
    """

    def __init__(
        self, num_embeddings, embedding_dim, padding_idx=None, *, rng=None, dtype="float32"
    ):
        super().__init__()
        check_sizes(self, "num_embeddings", num_embeddings, 0)
        check_sizes(self, "embedding_dim", embedding_dim, 0)
        if padding_idx is not None:
            whole = isinstance(padding_idx, Integral)
            if not whole or not -num_embeddings <= padding_idx < num_embeddings:
                raise ValueError(
                    f"Embedding: padding_idx {padding_idx!r} is none of the {num_embeddings} ids"
                )
            padding_idx %= num_embeddings
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.padding_idx = padding_idx
        self.weight = Parameter(zeros((num_embeddings, embedding_dim), dtype=dtype))
        init.normal_(self.weight, rng=rng)
        if padding_idx is not None and not is_shape_only(self.weight):
            init.zeros_(self.weight[padding_idx].detach())

    def forward(self, x):
        """x (...) -> (..., embedding_dim). IndexError for an id out of range."""
        return ops.embedding(x, self.weight, self.padding_idx)

    def extra_repr(self):
        """The constructor's arguments."""
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{self.num_embeddings}, {self.embedding_dim}{padding}"
