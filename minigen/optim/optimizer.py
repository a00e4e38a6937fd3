"""Optimizer: what all optimizers share.

Idea: an optimizer is a rule that changes one parameter, given its gradient and a few arrays of the
same shape that it keeps (momentum ...). Where the rule is elementwise, it goes piece by piece: in
blocks that stay in the cache on the CPU, all elements at once on a GPU. There a kernel, where the
optimizer has one, steps all parameters of a group together. Groups have settings of their own:
`param_groups[0]["lr"] = ...` takes effect at the next step (schedules.py does it by a plan).

Invariants: parameters and kept arrays are changed in place; a parameter without a gradient is
skipped, and its step count stands still; saved and loaded, an optimizer goes on bit for bit.
Read next: sgd.py, adam.py; groups.py makes the groups that papers ask for.
"""

from contextlib import ExitStack
from numbers import Real

from minigen.autograd import writing
from minigen.backend import array_module, device_of, out_of_memory, quiet, to_device
from minigen.backend.device.optimizer import Batch, takes
from minigen.backend.numpy import scratch
from minigen.errors import unknown_argument
from minigen.tensor import Tensor

BLOCK = 1 << 15  # elements; the blocks of x, g, what is kept, and scratch fit the L2 cache together


class Optimizer:
    """Base: a subclass gives defaults and writes `check`, `slots` and `rule`.

    params: an iterable of parameters, of (name, parameter), or of groups. A group is a dict:
    "params", one of the former or one parameter, and the settings that differ from `defaults`.
    ValueError for no parameter, one given twice, one that is not a leaf, a setting out of range.
    """

    def __init__(self, params, defaults):
        if isinstance(params, (Tensor, dict)) or hasattr(params, "parameters"):
            meant = ".parameters()" if hasattr(params, "parameters") else "[...]"
            raise TypeError(f"{self._name}: expected a list of parameters; did you mean {meant}?")
        self.defaults = defaults
        self.param_groups = []
        self.state = {}  # {parameter: {"step": int, slot: array, ...}}, from its first step on
        self._batches = {}  # {(group's number, device, dtype): Batch} where kernels step
        params = list(params)
        groups = params if params and isinstance(params[0], dict) else [{"params": params}]
        for group in groups:
            self.add_param_group(group)

    @property
    def _name(self):
        return type(self).__name__

    # ---- what a subclass says

    whole = False  # whether the rule must see all of a parameter at once: it takes a norm

    def check(self, group):
        """Raise ValueError for a setting out of range; a subclass adds its own settings.

        TypeError for one that is neither a number nor several.
        """
        for name, value in group.items():
            if not isinstance(value, (Real, tuple, list)):
                raise TypeError(f"{self._name}: {name} is {value!r}, expected a number")
        for name in ("lr", "weight_decay", "momentum", "eps"):
            if name in group:
                self._require(group[name] >= 0, f"{name} must be at least 0, not {group[name]}")

    def slots(self, group):
        """Names of the arrays to keep for each parameter of the group; they start as zeros."""
        raise NotImplementedError(f"{self._name} has no slots method")

    def rule(self, group, step):
        """The update number `step` (from 1) as a function on arrays.

        -> update(x, g, kept, u, v): changes x (the parameter) and kept (its slots) in place, leaves
        g (the gradient) alone; u and v are scratch. All have one shape.
        """
        raise NotImplementedError(f"{self._name} has no rule method")

    # (batch, rows, steps, group): the rule, by kernels; see ../backend/device/optimizer.py
    together = None

    def __init_subclass__(cls):
        if "rule" in vars(cls) and "together" not in vars(cls):
            cls.together = None  # the kernels of the class above have another rule

    def _require(self, condition, message):
        if not condition:
            raise ValueError(f"{self._name}: {message}")

    # ---- parameters

    def add_param_group(self, group):
        """Add {"params": ..., and the settings that differ from the defaults}."""
        self._require("params" in group, f'a group needs "params", this one has {list(group)}')
        settings = {name: value for name, value in group.items() if name != "params"}
        for name in settings:
            if name not in self.defaults:
                raise TypeError(unknown_argument(self._name, name, list(self.defaults)))
        settings = {**self.defaults, **settings}
        self.check(settings)
        params = group["params"]
        params = [params] if isinstance(params, Tensor) else list(params)
        self._require(params, "no parameters (parameters() is an iterator: use it only once)")
        taken = {id(p) for _, p in self._parameters()}
        for i, p in enumerate(params):
            name, p = p if isinstance(p, tuple) else (f"parameter {i}", p)
            if not isinstance(p, Tensor):
                raise TypeError(f"{self._name}: {name} is a {type(p).__name__}, expected a Tensor")
            self._require(p.is_leaf, f"{name} {p.shape} is the result of an op, not a leaf")
            self._require(id(p) not in taken, f"{name} {p.shape} is given twice")
            taken.add(id(p))
            params[i] = p
        self.param_groups.append({"params": params, **settings})

    def _parameters(self):
        """(group, parameter) through all groups, in order."""
        return [(group, p) for group in self.param_groups for p in group["params"]]

    def zero_grad(self):
        """Forget the gradients of all parameters."""
        for _, p in self._parameters():
            p.grad = None

    # ---- the update

    def step(self):
        """Update every parameter that has a gradient, in place."""
        with quiet():  # an overflow shows as inf in the parameters, not as a warning
            try:
                self._step()
            except MemoryError as error:
                raise out_of_memory(f"{self._name}.step", error) from error

    def _step(self):
        batches = {}  # parameters that step together
        for number, group in enumerate(self.param_groups):
            for p in group["params"]:
                if p.grad is None:
                    continue
                x, g = p.data, p.grad.data
                self._require(g.shape == x.shape, f"gradient {g.shape} of a parameter {p.shape}")
                if self.together and takes(x, g) and x.flags.c_contiguous:
                    batches.setdefault((number, p.device, p.dtype), []).append(p)
                else:
                    self._update(group, p)
        for key, params in batches.items():
            self._update_together(key, params)

    def _kept(self, group, p):
        """The parameter's state, and its arrays, which are zeros at first."""
        state, slots = self.state.setdefault(p, {"step": 0}), self.slots(group)
        for slot in slots:
            if slot not in state:
                state[slot] = array_module(p.data).zeros_like(p.data, order="C")
        for slot in state.keys() - {"step", *slots}:
            del state[slot]  # of a setting that was changed, as a momentum that went to 0
        return state, [state[slot] for slot in slots]

    def _update(self, group, p):
        state, kept = self._kept(group, p)
        state["step"] += 1
        with writing(p) as x:
            rule = self.rule(group, state["step"])
            (at_once if self.whole else in_blocks)(rule, x, p.grad.data, kept)

    def _update_together(self, key, params):
        group, batch = self.param_groups[key[0]], self._batches.setdefault(key, Batch())
        states, kept = zip(*(self._kept(group, p) for p in params), strict=True)
        with ExitStack() as stack:
            xs = [stack.enter_context(writing(p)) for p in params]
            xp = array_module(*xs)
            gradients = [xp.ascontiguousarray(p.grad.data) for p in params]
            rows = [xs, *zip(*kept, strict=True), gradients]
            self.together(batch, rows, [state["step"] for state in states], group)
        for state in states:
            state["step"] += 1

    # ---- saving

    def state_dict(self):
        """A flat dict, from which `load_state_dict` goes on bit for bit.

        "groups": [{"params": how many, "lr": ...}, ...], the settings; for each parameter that was
        updated, numbered through all groups, its step count and its arrays (sharing memory):
        "state.3.step", "state.3.exp_avg" ...
        """
        state = {"groups": [{**g, "params": len(g["params"])} for g in self.param_groups]}
        for i, (group, p) in enumerate(self._parameters()):
            kept, _ = self._kept(group, p) if p in self.state else ({}, ())
            state.update((f"state.{i}.{name}", value) for name, value in kept.items())
        return state

    def load_state_dict(self, state):
        """Go on from a saved state: settings, step counts and arrays (copied).

        Nothing is changed, and a ValueError lists every problem, unless all fits.
        """
        groups = self._saved_groups(state.get("groups", []))
        fresh, expected, problems = {}, {"groups"}, []
        for i, (group, p) in enumerate((g, p) for g in groups for p in g["params"]):
            if f"state.{i}.step" not in state:
                continue  # it never had a gradient
            expected.add(f"state.{i}.step")
            fresh[p] = {"step": int(state[f"state.{i}.step"])}
            for slot in self.slots(group):
                key = f"state.{i}.{slot}"
                expected.add(key)
                shape = getattr(state.get(key), "shape", None)
                if shape == p.shape:
                    fresh[p][slot] = _copy_for(p, state[key])
                else:
                    problems.append(f"{key} {shape or 'is missing'}, expected {p.shape}")
        problems += [f"{key} is unexpected" for key in state if key not in expected]
        self._require(not problems, "\n  ".join(["load_state_dict: does not fit", *problems]))
        for mine, saved in zip(self.param_groups, groups, strict=True):
            mine.update(saved)
        self.state = fresh

    def _saved_groups(self, saved):
        """Groups as saved, checked, with our parameters in them."""
        sizes = [group.get("params") for group in saved]
        own = [len(group["params"]) for group in self.param_groups]
        self._require(sizes == own, f"load_state_dict: {sizes} parameters, expected {own}")
        groups = []
        for mine, theirs in zip(self.param_groups, saved, strict=True):
            self._require(
                theirs.keys() == mine.keys(),
                f"load_state_dict: settings {', '.join(theirs)}; expected {', '.join(mine)}",
            )
            # tuples become lists in JSON
            group = {n: tuple(v) if isinstance(v, list) else v for n, v in theirs.items()}
            group["params"] = mine["params"]
            self.check(group)
            groups.append(group)
        return groups


def decayed(g, x, weight_decay, out):
    """g + weight_decay·x, the gradient of loss + ½·weight_decay·|x|²: in out, or g itself."""
    if not weight_decay:
        return g
    array_module(x).multiply(x, weight_decay, out=out)
    out += g
    return out


def _copy_for(p, saved):
    """A saved array or Tensor, copied to where the parameter lives, in its dtype."""
    array = array_module(p.data).empty_like(p.data, order="C")
    array[...] = to_device(saved.data if isinstance(saved, Tensor) else saved, p.device)
    return array


def at_once(update, x, g, kept):
    """Call update(x, g, kept, u, v), see Optimizer.rule, on all elements. u and v are scratch."""
    xp = array_module(x)
    update(x, g, kept, xp.empty_like(x), xp.empty_like(x))


def in_blocks(update, x, g, kept):
    """Call update(x, g, kept, u, v) on all elements: on the CPU block by block, else at once.

    u and v are scratch. Flat views of x exist if it is C-contiguous, as kept is; else: one block.
    """
    if device_of(x) != "cpu" or not x.flags.c_contiguous:
        at_once(update, x, g, kept)
        return
    x, kept = x.reshape(-1), [array.reshape(-1) for array in kept]
    g = g.reshape(-1)  # a copy, if the gradient is laid out in another order
    size = min(x.size, BLOCK)
    u, v = scratch("optimizer u", size, x.dtype), scratch("optimizer v", size, x.dtype)
    for start in range(0, x.size, BLOCK):
        n = min(BLOCK, x.size - start)
        block = slice(start, start + n)
        update(x[block], g[block], [array[block] for array in kept], u[:n], v[:n])
