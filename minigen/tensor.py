"""Tensor: an array that knows how it was made.

Idea: `_data` is a NumPy or CuPy array, `node` the op that made it (None for a leaf), `grad` what
backward left. A tensor computes nothing itself: its operators and methods call the ops
(methods.py).

Which dtype comes out (Python numbers and NumPy scalars take the tensor's; tests/test_tensor.py):

    float and Python number           the float's dtype
    int and Python int                the int's dtype
    int and Python float              float32
    int and float tensors             the float's dtype
    two float dtypes                  the wider one
    a float function of ints          float32          (exp, mean, division ...)
    new from Python floats            float32          (integers: int64, booleans: bool)

(One exception: on the CPU, float16 with a NumPy float32 scalar or with int16 gives float32.)
Integers never require grad. There is no in-place arithmetic: `x += y` makes a new x; `assign`
overwrites a leaf, `ops.put` and `ops.where` make changed copies.
Read next: autograd.py (what node is for), op.py (how an op is defined).
"""

import weakref

import numpy

from minigen.backend import device_of, is_array, parse_device, to_numpy
from minigen.methods import Methods

_new = object.__new__


def wrap(data, node=None):
    """A tensor around an array, without a check: how ops return their results."""
    t = _new(Tensor)
    t._data = data
    t.node = node
    t.grad = None
    t._requires_grad = node is not None
    t._hooks = None
    return t


class Tensor(Methods):
    """An n-dimensional array with a gradient.   Tensor(array, requires_grad=False)

    data: a NumPy or CuPy array, shared, not copied; `minigen.tensor` makes one from anything.
    """

    __slots__ = ("__weakref__", "_data", "_hooks", "_requires_grad", "grad", "node")
    __array_ufunc__ = None  # array + tensor asks the tensor, not NumPy
    __array_priority__ = 100  # the same for CuPy

    def __init__(self, data, requires_grad=False):
        if not is_array(data):
            raise TypeError(
                f"Tensor: expected an array, got {type(data).__name__}; minigen.tensor() makes "
                "tensors from numbers and lists"
            )
        self._data = data
        self.node = None
        self.grad = None
        self._hooks = None
        self._requires_grad = False
        if requires_grad:
            self.requires_grad = True

    # ---- what it is

    @property
    def data(self):
        """The array itself. Setting it overwrites the values in place, see `minigen.assign`."""
        return self._data

    @data.setter
    def data(self, value):
        autograd.assign(self, value)

    @property
    def requires_grad(self):
        """Whether backward computes a gradient for it; settable on float leaves."""
        return self._requires_grad

    @requires_grad.setter
    def requires_grad(self, value):
        if self.node is not None:
            raise RuntimeError(
                "requires_grad can only be set on a leaf; this is the result of "
                f"{self.node.op.name} "
                "(detach() gives a leaf with the same values)"
            )
        if value and self.dtype.kind not in "fV":
            raise TypeError(
                f"a tensor of dtype {self.dtype} cannot require grad: only floats have "
                "gradients; use .float() first"
            )
        self._requires_grad = bool(value)

    def requires_grad_(self, value=True):
        """Set requires_grad and return the tensor."""
        self.requires_grad = value
        return self

    @property
    def shape(self):
        """Sizes of the dimensions, a tuple."""
        return self._data.shape

    @property
    def dtype(self):
        """NumPy's dtype of the elements."""
        return self._data.dtype

    @property
    def ndim(self):
        """Number of dimensions."""
        return self._data.ndim

    @property
    def device(self):
        """ "cpu", "gpu" (the first) or "gpu:1"."""
        return device_of(self._data)

    @property
    def is_leaf(self):
        """Whether no recorded op made it."""
        return self.node is None

    @property
    def T(self):
        """The dimensions in reverse order; for a matrix, its transpose."""
        return ops.permute(self, tuple(range(self.ndim))[::-1])

    @property
    def mT(self):
        """The last two dimensions exchanged."""
        return ops.transpose(self, -2, -1)

    def size(self, dim=None):
        """The shape, or the size of one dimension."""
        return self.shape if dim is None else self.shape[errors.check_dim("size", dim, self.ndim)]

    def dim(self):
        """Number of dimensions."""
        return self._data.ndim

    def numel(self):
        """Number of elements."""
        return self._data.size

    # ---- out of the engine

    def numpy(self):
        """The values as a NumPy array that shares memory. RuntimeError if a gradient is tracked."""
        if self._requires_grad:
            raise RuntimeError("numpy(): this tensor requires grad; use .detach().numpy()")
        if device_of(self._data) != "cpu":
            raise RuntimeError(f'numpy(): this tensor is on {self.device}; use .to("cpu").numpy()')
        return self._data

    def __array__(self, dtype=None, copy=None):
        return numpy.array(self.numpy(), dtype, copy=copy)

    def item(self):
        """The only element, as a Python number. ValueError if there are more."""
        if self._data.size != 1:
            raise ValueError(f"item(): a tensor of shape {self.shape} is not a single number")
        return to_numpy(self._data).item()

    def tolist(self):
        """The values as (nested) Python lists."""
        return to_numpy(self._data).tolist()

    def __float__(self):
        return float(self.item())

    def __int__(self):
        return int(self.item())

    def __bool__(self):
        if self._data.size != 1:
            raise ValueError(
                f"the truth of a tensor of shape {self.shape} is ambiguous; use (x == "
                "y).numpy().all()"
            )
        return bool(self.item())

    def __index__(self):
        if self._data.dtype.kind not in "iub":
            raise TypeError(f"a {self.dtype} tensor cannot be an index; use .long()")
        return int(self.item())

    def __len__(self):
        if not self._data.ndim:
            raise TypeError("len() of a 0-dimensional tensor")
        return self._data.shape[0]

    def __iter__(self):
        return (self[i] for i in range(len(self)))

    def __repr__(self):
        body = numpy.array2string(
            to_numpy(self._data), separator=", ", precision=4, threshold=200, prefix="tensor("
        )
        notes = [] if self.device == "cpu" else [f"device={self.device}"]
        if self._data.dtype.name not in ("float32", "int64", "bool"):
            notes.append(f"dtype={self._data.dtype.name}")
        if self.node is not None:
            notes.append(f"op={self.node.op.name}")
        elif self._requires_grad:
            notes.append("requires_grad=True")

        return f"tensor({', '.join([body, *notes])})"

    def __format__(self, spec):
        return format(self.item(), spec) if spec else str(self)

    # ---- gradients

    def backward(self, gradient=None, retain_graph=None, create_graph=False):
        """Add the gradient of this tensor to `.grad` of every leaf it depends on."""
        autograd.backward(self, gradient, retain_graph=retain_graph, create_graph=create_graph)

    def detach(self):
        """The same values, same memory, outside of the graph."""
        return wrap(self._data)

    def retain_grad(self):
        """Keep the gradient of a tensor that is not a leaf in its `.grad`."""
        if self.node is not None:
            tensor = weakref.ref(self)

            def keep(g):
                t = tensor()
                if t is not None:
                    g = g if g.node is not None else wrap(g._data.copy())  # memory of its own
                    t.grad = g if t.grad is None else t.grad + g

            keep.runs_last = True  # it keeps what the other hooks made of the gradient
            self.register_hook(keep)

    def register_hook(self, hook):
        """Call hook(gradient) when this tensor's gradient is complete; what it returns replaces
        the gradient. -> handle with remove(). RuntimeError if it does not require grad."""
        if not self._requires_grad:
            raise RuntimeError("register_hook: this tensor does not require grad")
        owner = self.node or self
        hooks = [*(owner.hooks or ()), hook]
        owner.hooks = sorted(hooks, key=lambda hook: getattr(hook, "runs_last", False))
        return _HookHandle(owner, hook)

    @property
    def hooks(self):
        """Functions of this leaf's gradient, see `register_hook`."""
        return self._hooks

    @hooks.setter
    def hooks(self, value):
        self._hooks = value

    # ---- where it lives, and as what

    def to(self, target):
        """On another device ("cpu", "gpu:1"), or in another dtype; itself if nothing changes."""
        if isinstance(target, str) and target.split(":")[0] in ("cpu", "gpu"):
            parse_device(target)
            same = self.device == target or (target == "gpu:0" and self.device == "gpu")
            return self if same else ops.to_device(self, target)
        try:
            dtype = numpy.dtype(target)
        except TypeError as error:
            raise TypeError(
                f'to: {target!r} is neither a device ("cpu", "gpu", "gpu:1") nor a dtype'
            ) from error
        return self if dtype == self._data.dtype else ops.cast(self, dtype)

    def float(self):
        """As float32."""
        return self.to("float32")

    def double(self):
        """As float64."""
        return self.to("float64")

    def long(self):
        """As int64."""
        return self.to("int64")

    def bool(self):
        """As booleans: whether each element is not zero."""
        return self.to("bool")

    # ---- not in place

    def __setitem__(self, index, value):
        raise TypeError(
            "x[i] = v: tensors are not changed in place; use minigen.ops.put(x, i, v) for a "
            "changed copy, minigen.ops.where(mask, v, x), or minigen.assign(x, values) for a leaf"
        )


class _HookHandle:
    """What register_hook returns."""

    def __init__(self, owner, hook):
        self._owner, self._hook = owner, hook

    def remove(self):
        """Take the hook away again; a second call does nothing."""
        if self._hook is not None:
            hooks = list(self._owner.hooks)
            hooks.remove(self._hook)
            self._owner.hooks, self._hook = hooks, None


from minigen import ops  # noqa: E402, I001  needs Tensor, which exists now, and imports autograd
from minigen import autograd, errors, methods  # noqa: E402

methods.ops = ops
