"""Does a backward behave like one? What can be asked before any value is compared.

Idea: shape, dtype, who overwrites what, whether a second call gives the same, whether the result
follows the upstream gradient: such questions have exact answers, cost a few calls, and explain most
beginners' mistakes in one sentence. They come in one order, and the first that fails ends the check
of the pair, for what comes after it would only show the same mistake again.

    found = examine(subject, wrt=None, seed=0, upstream=None)  -> Examination
    misplaced(subject, found.claims, found.outputs, found.upstream, seed)
                                                        -> Finding (wrong_order), or None

Read next: claims.py (what belongs to what), experiments.py (what would be right), variations.py.
"""

import re
from dataclasses import dataclass, field

import numpy as np

from minigen.gradcheck import claims as reading
from minigen.gradcheck.child import trees
from minigen.gradcheck.child.session import StudentError
from minigen.gradcheck.differences import changes, entry, largest_change, not_finite, same
from minigen.gradcheck.experiments import Slopes, explain_order, explain_shape
from minigen.gradcheck.report import Finding
from minigen.gradcheck.subject import floats_of, is_float_array, weights_of
from minigen.gradcheck.variations import others

KINDS = (
    "mutates_input", "wrong_shape", "wrong_order", "wrong_dtype", "mutates_cache",
    "nondeterministic", "stale_cache", "ignores_upstream", "nan_at_edge",
)       # in the order of the checks; nondeterministic and nan_at_edge are asked of forward first
# what a cache may hold for the next gradients: self.dW, cache['grad_x']
GRADIENT = re.compile(r"(\['_?d[A-Z_]\w*|\['_?d[a-z]{1,2}\d*|\['_?d(gamma|beta|weight|bias)|grad\w*)'\]")
STATE = ("running", "moving", "state", "momentum", "step", "count", "num_batches", "buffer")


@dataclass
class Examination:
    """What was found, and what the numeric check goes on with."""

    findings: list = field(default_factory=list)    # Finding, in the order of the checks
    claims: list = field(default_factory=list)      # Claim, gradients as arrays like their leaf
    unclaimed: list = field(default_factory=list)   # (Leaf, sentence)
    notes: list = field(default_factory=list)       # sentences: what was not checked, and why
    outputs: object = None                          # of forward, nested
    upstream: object = None                         # what backward was given, nested like outputs
    stopped: bool = False                           # nothing is left to compare


class _Stop(Exception):
    """A check failed: the later ones have nothing to say."""


def examine(subject, wrt=None, seed=0, upstream=None):
    """Every structure check of one pair at one point: an Examination.

    subject: a Subject; wrt: names of the arguments that have a gradient, if known; upstream: the
    only one that backward can take, such as 1.0 for a loss whose backward has no `dout`; default: a
    random one. A StudentError of the first forward or backward is the caller's.
    """
    examiner = _Examiner(subject, wrt, seed, upstream)
    try:
        examiner.examine()
    except _Stop:
        examiner.found.stopped = True
    return examiner.found


def misplaced(subject, claims, outputs, upstream, seed=0):
    """After a failed comparison: is it the order? A failed Finding (wrong_order), or None."""
    return explain_order(Slopes(subject, weights_of(outputs, upstream), seed), claims)


class _Examiner:
    """The checks of one pair at one point, in order; each method is one of them."""

    def __init__(self, subject, wrt, seed, upstream):
        self.subject, self.wrt, self.seed = subject, wrt, seed
        self.fixed = upstream is not None
        self.found = Examination(upstream=upstream)
        self.once = False       # backward can be called only once after each forward

    def examine(self):
        """All of them; raises _Stop after the first that fails."""
        self._forward_is_finite()
        self._forward_repeats()
        self._forward_keeps_inputs()
        self._match()
        self._gradients_are_arrays()
        self._shapes()
        self._dtypes()
        self._backward_keeps_what_it_is_given()
        self._backward_repeats()
        self._runs_are_apart()
        self._linear_in_upstream()
        self._finite()
        self._shared_memory()

    # Saying it ---------------------------------------------------------------------------------

    def _say(self, check, verdict, message, argument=None, **evidence):
        self.found.findings.append(Finding(check, verdict, message, argument, evidence))

    def _stop(self, check, verdict, message, argument=None, **evidence):
        self._say(check, verdict, message, argument, **evidence)
        raise _Stop

    def _line(self, backward):
        """Where the code writes to an array that it was given: " (backward, line 3: x *= 2)"."""
        try:
            run = self.subject.run(readonly=not backward)
            if backward:
                self.subject.backward(run, self.found.upstream, readonly=True)
        except StudentError as error:
            if "read-only" in error.message and error.where:
                return f" ({error.where})"
        return ""

    # Forward -----------------------------------------------------------------------------------

    def _forward_is_finite(self):
        self.first = self.subject.run()
        self.found.outputs = outputs = trees.fresh(self.first.outputs)
        self.before = trees.fresh(self.subject.look(self.first))
        if outputs is None:
            self._stop("error", "error", "forward returns None: is its `return` missing?")
        if not floats_of(outputs):
            said = "nothing to check: forward returns no floating number"
            self._stop("wrong_dtype", "undecided", said)
        for path, y in trees.leaves(outputs):
            bad = not_finite(y)
            if bad:
                given = "; ".join(_at_entry(leaf, bad[0]) for leaf in self.subject.floats())
                self._stop(
                    "nan_at_edge",
                    "undecided",
                    f"forward is not finite at these inputs: {entry(_output(path), bad[0])} is "
                    f"{np.asarray(y)[tuple(bad[0])]}" + (f" ({given})" if given else ""),
                    indices=bad,
                )
        if self.found.upstream is None:
            self.found.upstream = self.subject.upstream(outputs, self.seed)
        self.weights = weights_of(outputs, self.found.upstream)

    def _forward_repeats(self):
        self.second = self.subject.run()
        self.second_outputs = trees.fresh(self.second.outputs)
        change = largest_change(self.found.outputs, self.second.outputs)
        if change.size > max(1e-9, 64 * change.eps):
            self._stop(
                "nondeterministic",
                "undecided",
                f"not checkable: forward gives another {entry(_output(change.path), change.index)}"
                " for the same inputs; pass the mask, or a seed, as an argument",
                change=change.size,
            )
        self._say("nondeterministic", "pass", "forward gives the same for the same inputs")

    def _forward_keeps_inputs(self):
        overwritten = changes(self.subject.inputs, self.before["inputs"])
        state = [path for path, _ in overwritten if self._is_state(path)]
        for path, index in overwritten:
            if path not in state:
                label = self._label(path)
                where = "" if state else self._line(backward=False)
                self._stop(
                    "mutates_input",
                    "fail",
                    f"forward overwrites its argument {entry(label, index)}{where}: write to a "
                    f"copy, {label}.copy()",
                    label,
                    index=index,
                )
        for path in state:
            said = f"forward updates {self._label(path)} in place, as running statistics are"
            self._say("mutates_input", "remark", said, self._label(path))
        self._say("mutates_input", "pass", "forward leaves its arguments as they are")

    def _label(self, path):
        return trees.label(path, self.subject.arguments)

    def _is_state(self, path):
        """Whether an argument may be updated: whatever is in a dict, and known names."""
        name = str(path[-1]) if len(path) > 1 else self._label(path)
        inside = self.subject.inputs
        for step in path[:-1]:
            inside = inside[step]
        return isinstance(inside, dict) or any(word in name.lower() for word in STATE)

    # Count, shape, dtype -----------------------------------------------------------------------

    def _match(self):
        gradients, self.shares = self.subject.backward(self.first, self.found.upstream)
        self.gradients = trees.fresh(gradients)
        outputs = trees.leaves(self.found.outputs)
        loss = len(outputs) == 1 and np.size(outputs[0][1]) == 1
        match = reading.match(self.subject, self.gradients, self.wrt, loss)
        self.found.findings += match.findings
        self.found.claims, self.found.unclaimed = match.claims, match.unclaimed
        self.found.notes += match.notes
        if any(f.verdict == "fail" for f in match.findings) or not match.claims:
            if not match.findings:
                said = "nothing to check: backward returns no gradient of a floating array"
                self._say("wrong_shape", "undecided", said)
            raise _Stop
        self.other_claims = match.others

    def _gradients_are_arrays(self):
        asked = [self.wrt] if isinstance(self.wrt, str) else list(self.wrt or ())
        for claim in list(self.found.claims):
            if claim.gradient is None:
                self._no_gradient(claim, asked)
                continue
            if isinstance(claim.gradient, (list, tuple)):
                said = f"{claim.label} is a {type(claim.gradient).__name__} of numbers"
                self._say("wrong_dtype", "remark", f"{said}: return an array", claim.leaf.label)
            kind = getattr(claim.gradient, "text", type(claim.gradient).__name__)
            array = None if hasattr(claim.gradient, "text") else np.asarray(claim.gradient)
            if array is None or array.dtype.kind not in "biufc":
                kind = "an array of objects" if isinstance(claim.gradient, np.ndarray) else kind
                said = f"{claim.label} is no array of numbers but {kind}"
                self._stop("wrong_dtype", "fail", said, claim.leaf.label)
        for candidates in (self.found.claims, *self.other_claims):
            for claim in candidates:
                claim.returned, claim.gradient = claim.gradient, np.array(claim.gradient)
        self._settle()

    def _no_gradient(self, claim, asked):
        """None was returned for a floating array: right only if nothing depends on it."""
        leaf = claim.leaf
        self.found.claims.remove(claim)
        named = leaf.label in asked or self.subject.arguments[leaf.path[0]] in asked
        x = np.asarray(leaf.value)
        moved = np.asarray(x * (1 + 2.0**-10) + 2.0**-10 * (x == 0), dtype=x.dtype)
        value = moved if isinstance(leaf.value, np.ndarray) else float(moved)
        try:
            changed = self.subject.run(self.subject.replaced([leaf], [value])).outputs
            depends = largest_change(self.found.outputs, changed).size > 0
        except StudentError:
            depends = False
        if named or depends:
            why = "WRT names it" if named else f"the output depends on {leaf.label}"
            self._stop(
                "wrong_shape",
                "fail",
                f"{claim.label} is None, but {why}: return its gradient"
                + ("" if named else ", or name those that have one with WRT = (...)"),
                leaf.label,
            )
        self.found.unclaimed.append((leaf, f"{claim.label} is None, and nothing depends on it"))

    def _settle(self):
        """If fewer gradients than arguments fit in several ways: the way whose values fit."""
        if self.other_claims:
            slopes = Slopes(self.subject, self.weights, self.seed)
            for candidates in (self.found.claims, *self.other_claims):
                if all(slopes.fits(c.leaf, c.gradient) for c in candidates):
                    self.found.claims = candidates
                    return

    def _shapes(self):
        wrong = [c for c in self.found.claims if c.gradient.shape != np.shape(c.leaf.value)]
        if not wrong:
            said = "every gradient has the shape of its argument"
            self._say("wrong_shape", "pass", said)
            return
        slopes = Slopes(self.subject, self.weights, self.seed)
        order = explain_order(slopes, self.found.claims)
        if order:
            self.found.findings.append(order)
            raise _Stop
        for claim in wrong:
            shape, right = claim.gradient.shape, np.shape(claim.leaf.value)
            said = f"{claim.label} has shape {shape}, {claim.leaf.label} has {right}"
            better = explain_shape(slopes, claim)
            said += f": {better}" if better else ""
            evidence = {"shape": list(shape), "expected": list(right)}
            self._say("wrong_shape", "fail", said, claim.leaf.label, **evidence)
        raise _Stop

    def _dtypes(self):
        upstream = {str(v.dtype) for v in self.weights}
        for claim in self.found.claims:
            if not isinstance(claim.leaf.value, (np.ndarray, np.generic)):
                continue                                # a Python float takes any
            if not isinstance(claim.returned, (np.ndarray, np.generic)):
                continue                                # and so does what is no array
            dtype, right = str(claim.gradient.dtype), str(claim.leaf.value.dtype)
            if dtype not in {right, *upstream}:
                said = f"{claim.label} is {dtype}, {claim.leaf.label} is {right}"
                said += _dtype_advice(claim.gradient.dtype)
                evidence = {"dtype": dtype, "expected": right}
                self._stop("wrong_dtype", "fail", said, claim.leaf.label, **evidence)
        said = "every gradient has the dtype of its argument"
        self._say("wrong_dtype", "pass", said)

    # What backward does to others --------------------------------------------------------------

    def _backward_keeps_what_it_is_given(self):
        after = self.subject.look(self.first)
        for path, index in changes(self.found.upstream, after["upstream"]):
            label = trees.label(("dout", *path))
            said = f"backward overwrites {entry(label, index)}{self._line(True)}: "
            said += f"write to a copy, {label}.copy()"
            self._stop("mutates_input", "fail", said, index=index)
        cached = [
            (label, index)
            for (label,), index in changes(self.before["cache"], after["cache"])
            if not _is_gradient(label)
        ]
        given = [(self._label(p), i) for p, i in changes(self.before["inputs"], after["inputs"])]
        given += [(_output(p), i) for p, i in changes(self.before["outputs"], after["outputs"])]
        if cached:
            label, index = cached[0]
            same_as = f", which is {given[0][0]}" if given else ""
            said = f"backward overwrites {entry(label, index)}{same_as}{self._line(True)}: a second "
            said += "backward would start from other values; write to a copy"
            self._stop("mutates_cache", "fail", said, given[0][0] if given else None, index=index)
        if given:
            label, index = given[0]
            said = f"backward overwrites {entry(label, index)}{self._line(True)}: write to a copy, "
            self._stop("mutates_input", "fail", f"{said}{label}.copy()", label, index=index)
        self._say("mutates_cache", "pass", "backward leaves dout, inputs, out and cache as they are")

    def _compare(self, gradients):
        """The change from the first call's gradients, with the gradient's name and entry."""
        change = largest_change(self.gradients, gradients)
        names = {claim.place: claim.label for claim in self.found.claims}
        name = names.get(change.path, "gradients")
        return change, entry(name, change.index)

    def _backward_repeats(self):
        try:
            again, _ = self.subject.backward(self.first, self.found.upstream)
        except StudentError as error:
            self.once = True
            said = f"backward can be called only once after each forward ({error.message})"
            self._say("nondeterministic", "remark", said)
            return
        change, where = self._compare(again)
        if change.size > max(1e-9, 64 * change.eps):
            cache = changes(self.before["cache"], self.subject.look(self.first)["cache"])
            if cache:
                said = f"a second backward gives another {where}: the first one changed "
                said += f"{cache[0][0][0]}; start from new arrays in each call"
                self._stop("mutates_cache", "fail", said, change=change.size)
            said = f"a second backward with the same cache gives another {where}: does it draw "
            said += "random numbers, or keep something from call to call?"
            self._stop("nondeterministic", "fail", said, change=change.size)
        verdict = "remark" if change.size > 1e-12 else "pass"
        said = "a second backward gives the same" + (" but for rounding" if change.size else "")
        self._say("nondeterministic", verdict, said)

    def _runs_are_apart(self):
        for inputs in others(self.subject.inputs):
            try:
                self.subject.forget(self.subject.run(inputs))
                break
            except StudentError:        # outside the domain, perhaps
                continue
        else:
            self.found.notes.append("not checked: whether a forward on other inputs disturbs this")
            return
        if changes(self.second_outputs, self.subject.look(self.second)["outputs"]):
            said = "forward returns an array that its next call overwrites: return a new one"
            self._stop("stale_cache", "fail", said)
        advice = "; what backward needs belongs in the cache, not in a global or shared variable"
        try:
            gradients, _ = self.subject.backward(self.second, self.found.upstream)
        except StudentError as error:
            said = "after a forward on other inputs, the backward of the first fails "
            self._stop("stale_cache", "fail", f"{said}({error.message}){advice}")
        change, where = self._compare(gradients)
        if change.size > max(1e-9, 64 * change.eps):
            said = f"after a forward on other inputs, the backward of the first gives another {where}"
            self._stop("stale_cache", "fail", said + advice, change=change.size)
        self._say("stale_cache", "pass", "a forward on other inputs in between changes nothing")

    # Following the upstream gradient -----------------------------------------------------------

    def _times(self, factor):
        """The claimed gradients for `factor` times the upstream gradient, or None."""
        upstream = trees.rebuilt(self.found.upstream, lambda _, v: None if v is None else _scaled(
            v, factor))
        run = self.subject.run() if self.once else self.second
        try:
            return reading.read(self.found.claims, self.subject.backward(run, upstream)[0])
        except (StudentError, LookupError, TypeError, ValueError) as error:
            said = f"backward does not take {factor} * dout ({error}): whether it follows dout was "
            self._say("ignores_upstream", "remark", said + "not checked")
            return None

    def _linear_in_upstream(self):
        if self.fixed:
            self.found.notes.append("not checked: whether the gradient follows dout; none is taken")
            return
        scaled = self._times(-2)
        nothing = self._times(0) if scaled is not None else None
        if nothing is None:
            return
        ignoring = [
            c for c, g in zip(self.found.claims, scaled, strict=True)
            if c.gradient.any() and np.isfinite(c.gradient).all() and same(c.gradient, g)
        ]
        if ignoring:
            names = " and ".join(c.label for c in ignoring)
            verb = "does" if len(ignoring) == 1 else "do"
            said = f"{names} {verb} not change when dout changes: multiply by dout (chain rule)"
            self._stop("ignores_upstream", "fail", said, ignoring[0].leaf.label)
        for claim, twice, none in zip(self.found.claims, scaled, nothing, strict=True):
            self._one_linear(claim, twice, none)
        self._say("ignores_upstream", "pass", "the gradients are linear in dout")

    def _one_linear(self, claim, twice, none):
        g, label = claim.gradient.astype(np.float64), claim.label
        if twice.shape != g.shape or none.shape != g.shape:
            said = f"{label} changes its shape with the values of dout"
            self._stop("ignores_upstream", "fail", said, claim.leaf.label)
        finite = np.isfinite(g) & np.isfinite(twice) & np.isfinite(none)
        eps = np.finfo(claim.gradient.dtype).eps if claim.gradient.dtype.kind == "f" else 0.0
        tolerance = max(1e-9, 256 * eps) * np.abs(g[finite]).max(initial=0.0)
        with np.errstate(all="ignore"):
            for gap, what in (
                (np.where(finite, np.abs(none), 0), "is not 0 when dout is 0: a term lacks dout"),
                (np.where(finite, np.abs(twice + 2 * g), 0), "is not linear in dout: -2 dout does "
                 "not give -2 times the gradient"),
            ):
                if (gap > tolerance).any():
                    index = list(map(int, np.unravel_index(np.argmax(gap), gap.shape)))
                    said = f"{entry(label, index)} {what}"
                    self._stop("ignores_upstream", "fail", said, claim.leaf.label, index=index)

    # Edges and memory --------------------------------------------------------------------------

    def _finite(self):
        slopes = Slopes(self.subject, self.weights, self.seed)
        for claim in self.found.claims:
            for index in not_finite(claim.gradient, most=3):
                leaf, i = claim.leaf, np.ravel_multi_index(index, claim.gradient.shape) if index else 0
                slope = slopes.at_entry(leaf, i)
                said = f"{entry(claim.label, index)} is {claim.gradient.flat[i]} where "
                said += f"{_at_entry(leaf, index)}"
                known = slope.kind != "jump" and slope.tolerance <= max(
                    abs(slope.value) / 2, slope.resolution)
                if known:
                    value = f"{slope.value:.6g}" if slope.kind == "smooth" else (
                        f"between {slope.low:.6g} and {slope.high:.6g}")
                    said += f"; the numeric derivative there is {value}"
                    self._stop("nan_at_edge", "fail", said, leaf.label, index=index)
                said += "; there is no finite numeric derivative to compare it with"
                self._say("nan_at_edge", "undecided", said, leaf.label, index=index)
        if not any(f.check == "nan_at_edge" for f in self.found.findings):
            self._say("nan_at_edge", "pass", "every gradient is finite")

    def _shared_memory(self):
        names = {trees.label(("gradient", *c.place)): c.label for c in self.found.claims}
        for pair in self.shares:
            first, second = (names.get(label, label) for label in pair)
            said = f"{first} and {second} are one memory: who changes one in place changes both"
            self._say("mutates_input", "remark", said)


def _scaled(value, factor):
    return np.asarray(factor * value, dtype=value.dtype)[()] if isinstance(
        value, np.generic) else np.asarray(factor * value, dtype=value.dtype) if isinstance(
        value, np.ndarray) else factor * value


def _output(path):
    return trees.label(("out", *path))


def _is_gradient(label):
    """Whether something in a cache is by its name a place for a gradient: self.dW, grads['b']."""
    return bool(GRADIENT.search(label))


def _at_entry(leaf, index):
    """The value of a leaf at an index, if it has such an entry: x[0, 1] = 0.0"""
    x = np.asarray(leaf.value)
    if len(index) == x.ndim and all(i < n for i, n in zip(index, x.shape, strict=True)):
        return f"{entry(leaf.label, index)} = {x[tuple(index)]}"
    return f"{leaf.label} has shape {x.shape}"


def _dtype_advice(dtype):
    if dtype.kind == "c":
        return ": the imaginary part of a real function's gradient is no gradient"
    if dtype.kind != "f":
        return ": its values are cut to whole numbers; make it with np.zeros_like(x)"
    return ": a buffer or constant of another dtype? np.zeros(shape) is float64, zeros_like(x) not"
