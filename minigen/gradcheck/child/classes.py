"""Layers: classes with forward and backward, whose parameters get gradients too.

Idea: a layer becomes a pair whose arguments are those of `forward`, then its parameters, then its
training flag if it has one. Each run works on a copy of one layer, made by

    Linear()                    if the constructor needs nothing
    linear_init(seed)           in the file (or Linear_init): constructor arguments as a tuple or
                                dict, or the layer itself
    options["init"]             a dict of constructor arguments (a teacher's spec)

into which the parameters are written before forward. A parameter is a floating array `W` whose
gradient backward returns (`return dx, dW, db`) or leaves in `dW`, `d_W`, `grad_W`, `W_grad`; or an
entry of `params`, whose gradient is in `grads` under the same key, or place; or `weight.data` with
`weight.grad`; or the only array of a layer, with an array `grad`. Layers inside layers
(`self.fc1.W`, `self.layers[0].W`) count. A forward that returns nothing leaves its output in
`output`. Every backward starts from the layer as forward left it, so one that accumulates, or frees
what it no longer needs, is right.
Read next: pairs.py (how backward's parameters are filled).
"""

import copy
import inspect
import re
from dataclasses import dataclass

from numpy import ndarray

from . import trees
from .binding import OUTPUTS, Fit, belongs, gradient_names, returned_names
from .pairs import NOT_GIVEN, Pair, called, called_as_it_takes, required, scaled
from .pairs import arguments as arguments_of
from .session import StudentError
from .trees import at, attributes

FLAGS = (       # what switches between training and evaluation
    "training", "train", "is_training", "is_train", "train_mode", "train_flag", "train_flg", "mode",
)
PARAMETERS = ("params", "parameters", "weights")
GRADIENTS = ("grads", "gradients", "dparams", "grad")
DATA, BESIDE = ("data", "value"), ("grad", "gradient")      # of an object that is a parameter
STATE = re.compile(r".*(running|moving|mean|var|mask|moment|veloc|buffer|cache|input|output).*|_.*")


class LayerPair(Pair):
    """A class with forward (or __call__) and backward, or an instance of one."""

    prototype = None            # the layer that each run copies

    def __post_init__(self):
        layer = self.forward_function
        self.layer_class = layer if inspect.isclass(layer) else type(layer)
        self.method = "forward" if hasattr(self.layer_class, "forward") else "__call__"
        self.backward_function = self.layer_class.backward
        self.returned_names = returned_names(self.backward_function)
        name = self.layer_class.__name__
        self.titles = f"{name}.{self.method}", f"{name}.backward"
        self.signature = unbound(getattr(self.layer_class, self.method))
        self.receives = unbound(self.backward_function).parameters
        self.arguments = self.own = arguments_of(self.signature)
        self.parameters, self.flag, self.left_out = [], None, []

    def functions(self):
        """The two methods."""
        return [getattr(self.layer_class, self.method), self.backward_function]

    def configure(self, options):
        """Take options; constructor arguments in options["init"] make another layer."""
        super().configure(options)
        self.prototype = None

    def build(self, seed=0):
        """Make the layer that runs copy; its parameters become arguments."""
        self.prototype = layer = self._constructed(seed)
        if not self.variadic:
            self.parameters, self.left_out = find_parameters(layer, self.own, self.returned_names)
        self.flag = None if set(self.own) & set(FLAGS) else training_flag(layer)
        values = {p.label: at(layer, p.paths[0]) for p in self.parameters}
        if self.flag:
            values[self.flag] = getattr(layer, self.flag, True)
        self.arguments = self.own | values

    def _constructed(self, seed):
        given = self.options.get("init")
        if not inspect.isclass(self.forward_function):
            return copied(self.forward_function)
        if given is None and self.make_init is not None:
            given = called_as_it_takes(self.make_init, seed, self.name)
        if isinstance(given, self.layer_class):
            return given
        if isinstance(given, dict):
            return self.layer_class(**given)
        if given is not None:
            return self.layer_class(*(given if isinstance(given, (tuple, list)) else (given,)))
        takes = arguments_of(inspect.signature(self.layer_class))
        if required(takes):
            name, values = self.layer_class.__name__, ", ".join(takes)
            raise StudentError("error", f"{name}({values}) cannot be made without values: write "
                               f"{name.lower()}_init(seed) that returns ({values})")
        return self.layer_class()

    def describe(self):
        """As Pair's; of a layer that cannot be made, without its parameters."""
        try:
            if self.prototype is None:
                self.build()
        except Exception:       # reported when the pair is run
            self.prototype = None
        described = super().describe()
        described.pop("init", None)
        described["parameters"] = [p.label for p in self.parameters]
        if self.left_out:
            first = gradient_names(self.left_out[0])[0]
            described["notes"] = [
                f"not checked: {', '.join(self.left_out)}: {self.titles[1]} neither returns the "
                f"gradient nor leaves it in self.{first}"
            ]
        if self.prototype is None:
            takes = arguments_of(inspect.signature(self.layer_class))
            described["constructor"] = required(takes)
        return described

    def inputs(self, seed):
        """forward's arguments for a seed, and the parameters as the constructor makes them."""
        self.build(seed)
        inputs = super().inputs(seed)
        return inputs and inputs + tuple(self.arguments.values())[len(inputs) :]

    def forward(self, inputs):
        """(outputs, context)"""
        if self.prototype is None:
            self.build()
        layer, count = copied(self.prototype), len(self.own)
        own, more = (inputs, ()) if self.variadic else (inputs[:count], inputs[count:])
        for parameter, value in zip(self.parameters, more, strict=False):
            parameter.put(layer, value)
        if self.flag and len(more) > len(self.parameters):
            set_flag(layer, self.flag, more[-1])
        returned = called(getattr(layer, self.method), self.signature, own)()
        if returned is None:
            left = [attributes(layer)[name] for name in OUTPUTS if name in attributes(layer)]
            returned = left[0] if left else None
        fit = Fit(self.roles, own, returned, remembers=True)
        return fit.outputs, (own, fit, layer, [inputs, fit.outputs])

    def backward(self, upstream, context):
        """The gradients of forward's arguments, as returned, and of the parameters."""
        own, fit, layer, keep = context
        layer = copied(layer, keep)
        returned = self.call_backward(layer.backward, fit, own, upstream)
        stored = [parameter.gradient(layer) for parameter in self.parameters]
        stored = self._of_loss(stored, fit, upstream)
        if isinstance(returned, dict):
            left = {
                p.label: g for p, g in zip(self.parameters, stored, strict=True)
                if g is not None and not any(belongs(key, p.paths[0][-1]) for key in returned)
            }
            return left | returned
        if returned is None:
            returned = self._of_loss(left_in(layer, self.own), fit, upstream)
            if not returned and self.parameters:        # of parameters alone, and known by name
                return {p.label: g for p, g in zip(self.parameters, stored, strict=True)}
        return self._joined(returned, stored)

    @staticmethod
    def _of_loss(stored, fit, upstream):
        """Gradients left in a layer, times the upstream one if backward does not take it."""
        return stored if fit.upstream else scaled(stored, upstream)

    def _joined(self, returned, stored):
        """Gradients of forward's arguments, then of parameters, from either place."""
        parts = list(returned) if isinstance(returned, (tuple, list)) else [returned]
        if len(self.returned_names) == len(parts):
            for i, parameter in enumerate(self.parameters):
                for k, name in enumerate(self.returned_names):
                    if name in parameter.names and parts[k] is not NOT_GIVEN:
                        stored[i], parts[k] = parts[k], NOT_GIVEN
        if all(gradient is None for gradient in stored):
            return returned
        return (*(part for part in parts if part is not NOT_GIVEN), *stored)

    def cache(self, context):
        """Nothing: what backward does to its layer is its own affair."""


@dataclass
class Parameter:
    """A parameter of a layer: every path to it, and what its gradient may be called.

    alone: whether it is the only one, so that a gradient without a name can be its own.
    """

    label: str
    paths: list
    alone: bool = False

    @property
    def names(self):
        """Names for the gradient, after the parameter's own."""
        return gradient_names(self.paths[0][-1])

    def put(self, layer, value):
        """Write the parameter, wherever the layer holds it."""
        for path in self.paths:
            holder = at(layer, path[:-1])
            if isinstance(holder, (dict, list)):
                holder[path[-1]] = value
            elif not isinstance(holder, tuple):
                setattr(holder, path[-1], value)

    def gradient(self, layer):
        """The gradient that backward left in the layer; None if it left none."""
        for path in self.paths:
            key, owner = path[-1], attributes(at(layer, owner_of(layer, path)))
            places = [(owner, name) for name in gradient_names(key)]
            places += [(owner, name) for name in BESIDE if key in DATA]
            for container in [owner[name] for name in GRADIENTS if name in owner]:
                if isinstance(container, (dict, list)):
                    places += [(container, name) for name in (key, *gradient_names(key))]
            if self.alone:
                shape = at(layer, path).shape
                places += [(owner, n) for n in BESIDE if getattr(owner.get(n), "shape", 0) == shape]
            for container, name in places:
                inside = range(len(container)) if isinstance(container, list) else container
                if name in inside and container[name] is not None:
                    return container[name]
        return None


def left_in(layer, own):
    """The gradients of forward's arguments that backward left in the layer, and not returned."""
    held = attributes(layer)
    found = [held.get(name) for argument in own for name in gradient_names(argument)]
    found = tuple(g for g in found if g is not None)
    # `dinputs`, whatever forward calls its argument
    return found or tuple(g for g in [held.get("dinputs")] if g is not None)


def find_parameters(layer, own, returned):
    """(parameters of a layer, names of attributes that look like one without a gradient).

    own: names of forward's arguments; returned: names of what backward returns.
    """
    paths = {}
    for path, value in trees.arrays_inside(layer, most=10**6):
        if value.dtype.kind == "f":
            paths.setdefault(id(value), []).append(path)
    found, left_out = [], []
    for each in paths.values():
        good = [p for p in each if p[-1] not in own and has_gradient(layer, p, returned)]
        if good:
            rest = [p for p in each if p not in good]
            found.append(Parameter(label_of(layer, good[0]), good + rest))
        elif len(each[0]) == 1 and each[0][0] not in own:
            left_out.append(each[0][0])
    known = [name for p in found for path in p.paths for name in gradient_names(path[-1])]
    known += [name for argument in own for name in gradient_names(argument)]
    left_out = [n for n in left_out if n not in known and not STATE.fullmatch(n)]
    named = words(type(layer))[0] & set(BESIDE)
    if not found and len(left_out) == 1 and named and not named & set(returned):
        return [Parameter(left_out[0], [(left_out[0],)], alone=True)], []
    return found, left_out


def has_gradient(layer, path, returned):
    """Whether the code of the layer that holds this array speaks of its gradient."""
    owner_path = owner_of(layer, path)
    owner = at(layer, owner_path)
    said, strings = words(type(owner))
    said = said | set(attributes(owner)) | (set(returned) if not owner_path else set())
    gradients = set(gradient_names(path[-1])) & (said | strings)
    grouped = set(GRADIENTS) & said
    if len(path) == len(owner_path) + 1:            # an attribute
        beside = path[-1] in DATA and any(name in attributes(owner) for name in BESIDE)
        return bool(gradients) or beside or bool(grouped and path[-1] in strings)
    return path[-2] in PARAMETERS and bool(grouped or gradients)


def words(layer_class):
    """(names, strings) in the code of a class's methods."""
    names, strings = set(), set()
    for base in layer_class.__mro__[:-1]:
        for method in vars(base).values():
            code = getattr(method, "__code__", None)
            if code:
                names |= set(code.co_names)
                for constant in code.co_consts:
                    every = constant if isinstance(constant, tuple) else (constant,)
                    strings |= {c for c in every if isinstance(c, str)}
    return names, strings


def unbound(method):
    """A method's signature without self."""
    signature = inspect.signature(method)
    return signature.replace(parameters=list(signature.parameters.values())[1:])


def training_flag(layer):
    """Name of the attribute that switches training and evaluation; None if there is none."""
    held = [n for n in FLAGS if isinstance(attributes(layer).get(n), (bool, str))]
    return held[0] if held else "training" if switches(layer) else None


def switches(layer):
    """Whether the layer has train() and eval()."""
    methods = [getattr(layer, name, None) for name in ("train", "eval")]
    return all(
        callable(m) and not required(arguments_of(inspect.signature(m)))
        for m in methods
    )


def set_flag(layer, flag, value):
    """Switch a layer between training and evaluation."""
    if switches(layer) and isinstance(value, bool):
        layer.train() if value else layer.eval()
    if flag in attributes(layer):
        setattr(layer, flag, value)


def copied(layer, keep=()):
    """A deep copy of a layer that goes on holding the arrays in keep themselves."""
    memo = {id(a): a for _, a in trees.leaves(keep) if isinstance(a, ndarray)}
    try:
        return copy.deepcopy(layer, memo)
    except Exception:           # it holds a module, a lock
        new = copy.copy(layer)
        vars(new).update(trees.fresh(vars(layer)))
        return new


# Paths through attributes, keys and indices: ("layers", 0, "params", "W") ---------------------


def owner_of(layer, path):
    """Path of the object in whose attributes, or in a container of whose, the path ends."""
    path = path[:-1]
    while isinstance(at(layer, path), (dict, list, tuple)):
        path = path[:-1]
    return path


def label_of(layer, path):
    """As a student would write it: W, fc1.W, params[0], layers[0].W; W for params["W"], W.data."""
    text = ""
    for i, key in enumerate(path):
        if isinstance(at(layer, path[:i]), (dict, list, tuple)):
            text += f"[{key!r}]"
        else:
            text += f".{key}" if text else key
    if path[-1] in DATA and "." in text:
        return text.rpartition(".")[0]
    start, _, last = text.rpartition("['")
    group = start.rpartition(".")[2]
    return text if group not in PARAMETERS else (start[: -len(group)] + last.removesuffix("']"))
