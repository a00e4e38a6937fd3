"""Parameter: a tensor to be trained; and `meta`: modules of which only the shapes exist.

Idea: inside `with nn.meta():` new parameters and saved buffers have shape and dtype but no values,
and initialisers leave them alone: a model of 10⁹ parameters can be counted, printed and compared
with its paper in no memory. `load_state_dict` gives it values.

Invariant: whoever reads values that are not there is told so. Every op reads `_data`, and that of a
shape-only tensor raises: there is no way to compute with it by mistake.
Read next: module.py.
"""

import math
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple

import numpy

from minigen.tensor import Tensor, wrap

_is_meta = ContextVar("minigen.nn.meta", default=False)
_slot = vars(Tensor)["_data"]  # where a tensor keeps its array


@contextmanager
def meta():
    """Context in which new modules have shapes only, and use no memory.

        with nn.meta():
            model = GPT(config)
        print(model.summary())
        model.load_state_dict(weights)      # now it has values, and can be called

    Parameters and persistent buffers are made without values, and the initialisers of nn.init
    change nothing, nor do they draw from a generator. (One tensor at a time may be reserved while
    it is made.) RuntimeError for reading values before they were loaded.
    """
    token = _is_meta.set(True)
    try:
        yield
    finally:
        _is_meta.reset(token)


class Parameter(Tensor):
    """A leaf tensor to be trained.   Parameter(data, requires_grad=True)

    data: array or Tensor, whose memory it shares.
    """

    __slots__ = ()

    def __init__(self, data, requires_grad=True):
        super().__init__(data.data if isinstance(data, Tensor) else data, requires_grad)
        if _is_meta.get():
            _forget(self)


class _Shape(NamedTuple):
    """What stands in the place of a shape-only tensor's array."""

    shape: tuple
    dtype: numpy.dtype


class _ShapeOnly:
    """What a tensor without values does differently."""

    __slots__ = ()

    @property
    def _data(self):
        raise RuntimeError(
            f"a tensor of shape {self.shape} made inside `with nn.meta():` has no values; "
            "load_state_dict of its module gives it some"
        )

    @property
    def shape(self):
        """Sizes of the dimensions, a tuple."""
        return _slot.__get__(self).shape

    @property
    def dtype(self):
        """NumPy's dtype of the elements to come."""
        return _slot.__get__(self).dtype

    @property
    def ndim(self):
        """Number of dimensions."""
        return len(self.shape)

    def numel(self):
        """Number of elements."""
        return math.prod(self.shape)

    def __len__(self):
        return self.shape[0]

    def __repr__(self):
        return f"tensor(shape={self.shape}, dtype={self.dtype.name}, no values)"

    def __deepcopy__(self, memo):
        twin = memo[id(self)] = Tensor.__new__(type(self))
        _slot.__set__(twin, _slot.__get__(self))
        twin.node = twin.grad = twin._hooks = None
        twin._requires_grad = self._requires_grad
        return twin


class _ShapeOnlyTensor(_ShapeOnly, Tensor):
    __slots__ = ()


class _ShapeOnlyParameter(_ShapeOnly, Parameter):
    __slots__ = ()


def _forget(tensor):
    """Leave the tensor its shape and dtype only.   -> it"""
    _slot.__set__(tensor, _Shape(tensor.shape, tensor.dtype))
    tensor.__class__ = _ShapeOnlyParameter if isinstance(tensor, Parameter) else _ShapeOnlyTensor
    return tensor


def is_shape_only(tensor):
    """Whether the tensor has a shape, but no values."""
    return isinstance(tensor, _ShapeOnly)


def new_buffer(tensor):
    """The tensor itself; inside `meta`, another without values."""
    return _forget(wrap(tensor.data)) if _is_meta.get() else tensor


def give_values(tensor, array):
    """Make a shape-only tensor an ordinary one with a copy of the array, in its own dtype."""
    values = numpy.array(array, tensor.dtype)
    tensor.__class__ = Parameter if isinstance(tensor, Parameter) else Tensor
    _slot.__set__(tensor, values)
