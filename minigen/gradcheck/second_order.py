"""Beyond a gradient: is its own gradient right, and does forward mode agree with it?

Idea: what backward computes is a function, too,

    G(x, dout) = doutᵀ·J(x)

so that it can be checked like any other: `grad` of <G, u> against differences of G. The differences
are of what a plain backward computes, the gradient goes through `create_graph=True`; so a fused op
whose reference is another function is found out. G is linear in dout, and jumps where x is at a
kink (relu at 0): no second derivative is wrong there.

Forward mode is J·u, the same J: for any u and v, <J·u, v> = <u, vᵀ·J> to rounding. What rounding is
here is seen from points beside x, where a true difference stays and rounding comes out anew.
Read next: engine.py (minigen's functions as pairs), checker.py.
"""

import numpy as np

from minigen import autograd
from minigen.backend import to_numpy
from minigen.derivatives import jvp
from minigen.gradcheck import values
from minigen.gradcheck.checker import PointReport, add, conclude
from minigen.gradcheck.child import trees
from minigen.gradcheck.child.session import Session, StudentError
from minigen.gradcheck.child.trees import is_float_array
from minigen.gradcheck.claims import Claim
from minigen.gradcheck.examination import Examination
from minigen.gradcheck.report import Finding
from minigen.gradcheck.slopes import scales, stream
from minigen.gradcheck.subject import Subject, floats_of
from minigen.gradcheck.variations import modes
from minigen.ops.creation import zeros_like
from minigen.ops.shape import cat, reshape
from minigen.tensor import Tensor

BESIDE = 4              # points beside x that tell what rounding does
RELATIVE = 1e-10        # of the sum of absolute terms: smaller gaps are rounding

DISAGREES = (
    "minigen.jvp and the gradient differ: <J·u, v> is not <u, vᵀ·J> but {:.3g} more, where the "
    "terms of both add up to {:.3g}. Forward mode and second derivatives go through "
    "create_graph=True: is a VJP not linear in g, or the reference of a fused op another function?"
)


def beyond(report, pair, order, settings):
    """Add to the report of an EnginePair what only minigen's functions can be asked.

    Gradients that were lost on the way; forward mode; if order is 2, second derivatives. Those say
    nothing new about a gradient that is wrong.
    """
    report.structure += [_lost(pair, path) for path in pair.unreached if _matters(pair, path)]
    if pair.narrow():
        dtypes = ", ".join(pair.narrow())
        report.notes.append(f"checked in float64, though some arguments came in {dtypes}")
    if report.verdict in ("fail", "error"):
        if order == 2:
            report.notes.append("not checked: second derivatives, for the first are not right")
    elif order == 2:
        for label, inputs in modes(pair.arguments, pair.inputs(settings.seed)):
            point = _second_order(report, pair, inputs, settings)
            point.findings.append(_forward_mode(report, pair, inputs, order, settings.seed))
            end = f", {label}" if label else ""
            report.points_checked.append(f"seed {settings.seed}, second order{end}")
            add(report, point)
    else:
        inputs = pair.inputs(settings.seed)
        report.structure.append(_forward_mode(report, pair, inputs, order, settings.seed))
    conclude(report)
    return report


def _matters(pair, path):
    """Whether the outputs change with the argument at path, by a step that few jumps lie within."""
    inputs = pair.inputs(0)
    moved = trees.rebuilt(inputs, lambda p, x: x + 2.0**-20 * scales(x) if p == path else x)
    try:
        with np.errstate(all="ignore"):
            both = [_floats(pair, inputs), _floats(pair, moved)]
    except StudentError:
        return False
    return not all(map(np.array_equal, *both))


def _floats(pair, inputs):
    with pair.pinned():
        return floats_of(pair.forward(trees.fresh(inputs))[0])


def _lost(pair, path):
    """What to say of an argument that matters but has no gradient: a Finding."""
    label, names = pair.named(path), ", ".join(map(repr, pair.wrt))
    return Finding(
        "wrong_shape",
        "undecided",
        f"the output depends on {label}, but no gradient gets there: is it lost on the way "
        f"(.detach(), .numpy(), no VJP)? If it is to have none, say so: wrt=[{names}]",
        label,
    )


class SecondOrder:
    """A pair whose forward is another pair's backward: (*inputs, dout) -> gradients."""

    def __init__(self, pair):
        self.pair = pair
        self.name = f"{pair.name}, second order"
        self.arguments = [*pair.arguments, "dout"]

    def forward(self, inputs):
        """(the gradients that a plain backward computes; the Call and dout)"""
        *first, dout = inputs
        call = self.pair.call(tuple(first))
        return self.pair.backward(dout, call), (call, dout)

    def backward(self, weights, context):
        """The gradients of <weights, gradients> in what has one, then in the outputs' dout."""
        call, dout = context
        xs = [*self.pair.leaves(call).values()]
        ys, vs = self.pair.weighted(call, dout)
        targets = xs + [v.requires_grad_() for v in vs]
        with self.pair.running("second order", later=True):
            gs = autograd.grad(ys, xs, vs, create_graph=True, allow_unused=True)
            terms = [
                (g, Tensor(w).to(g.device))
                for g, w in zip(gs, weights, strict=True)
                if g is not None and g.requires_grad
            ]
            found = [None] * len(targets)
            if terms:
                outputs, weights = zip(*terms, strict=True)
                how = dict(retain_graph=True, allow_unused=True)
                found = autograd.grad(outputs, targets, weights, **how)
        return tuple(
            to_numpy((zeros_like(x) if g is None else g).data)
            for x, g in zip(targets, found, strict=True)
        )

    def cache(self, context):
        """Nothing is kept."""

    def functions(self):
        """The user's functions that a run calls."""
        return self.pair.functions()


def _second_order(report, pair, inputs, settings):
    """The verdicts on the gradient of the gradient: a PointReport."""
    point = PointReport([], [])
    try:
        _compare(report, point, pair, inputs, settings)
    except StudentError as error:
        point.findings.append(Finding(error.kind, "error", error.sentence))
    for argument in point.arguments:
        argument.name += " (second order)"
    return point


def _compare(report, point, pair, inputs, settings):
    """Add the arguments' reports to the point, and to the report the calls of forward."""
    first = Subject(Session({pair.name: pair}), pair.name, pair.arguments, inputs)
    outputs = first.run().outputs
    dout = first.upstream(outputs, settings.seed)
    second = SecondOrder(pair)
    session = Session({second.name: second})
    subject = Subject(session, second.name, second.arguments, (*inputs, dout))
    run = subject.run()
    if not all(np.isfinite(g).all() for g in run.outputs):
        message = "the gradient is not finite here, so that it has no derivatives to compare"
        point.findings.append(Finding("second_order", "undecided", message))
        return
    weights = subject.upstream(run.outputs, settings.seed + 1)      # not dout's numbers again
    gradients, _ = subject.backward(run, weights)
    heard = [("dout", *path) for path, y in trees.leaves(outputs) if is_float_array(y)]
    leaves = {leaf.label: leaf for leaf in subject.floats()}
    named = enumerate(zip([*pair.wrt, *map(trees.label, heard)], gradients, strict=True))
    claims = [Claim(leaves[label], g, (i,), g) for i, (label, g) in named]
    found = Examination(claims=claims, outputs=run.outputs, upstream=weights)
    point.arguments = values.compare(
        subject,
        found,
        mode=settings.mode,
        seconds=settings.budget,
        seed=settings.seed,
        strict=settings.strict,
        jumps=True,
        pictures=settings.pictures,
    )
    report.forward_calls += first.calls + subject.calls


def _forward_mode(report, pair, inputs, order, seed):
    """Whether forward mode is the same linear map as the gradient: a Finding."""
    try:
        with np.errstate(all="ignore"):
            gaps = [_gap(pair, inputs, seed), *_gaps_beside(pair, inputs, seed)]
    except StudentError as error:
        message = f"minigen.jvp does not get through it: {error.sentence}"
        return Finding("forward_mode", "error" if order == 2 else "remark", message)
    if not np.isfinite(gaps[0]).all():
        return Finding("forward_mode", "remark", "minigen.jvp is not finite here")
    gaps = [g for g in gaps if np.isfinite(g).all()]
    (gap, size), spread = np.mean(gaps, 0), np.std(gaps, 0)[0]
    evidence = {"gap": float(gap), "size": float(size), "rounding": float(spread)}
    if abs(gap) <= RELATIVE * size + 10 * spread:
        return Finding("forward_mode", "pass", "minigen.jvp agrees with it", evidence=evidence)
    at_kink = any(argument.kinks for argument in report.arguments)
    verdict = "fail" if order == 2 and not at_kink else "remark"
    return Finding("forward_mode", verdict, DISAGREES.format(gap, size), evidence=evidence)


def _gaps_beside(pair, inputs, seed):
    """The gap at points where every entry is another one, by a millionth."""
    rng = stream(seed, "beside")

    def moved(path, x):
        return x * (1 + 1e-6 * rng.choice([-1.0, 1.0], x.shape)) if is_float_array(x) else x

    for _ in range(BESIDE):
        try:
            yield _gap(pair, trees.rebuilt(inputs, moved), seed)
        except StudentError:        # out of the function's domain
            continue


def _gap(pair, inputs, seed):
    """(<J·u, v> - <u, vᵀ·J>, the sum of their absolute terms) for random u and v."""
    rng = stream(seed, "forward mode")
    with pair.pinned():
        call = pair.call(trees.fresh(inputs))
    xs = pair.leaves(call)
    us = [_drawn(rng, x) for x in xs.values()]

    def outputs(*leaves):
        new = dict(zip(xs, leaves, strict=True))
        with pair.pinned():
            result = pair.apply(pair.replaced(call.inputs, new)).result
        ys = [y for _, y in trees.leaves(result) if isinstance(y, Tensor) and y.requires_grad]
        return cat([reshape(y.double(), (-1,)) for y in ys])

    y = outputs(*xs.values())
    v = _drawn(rng, y)
    with pair.running("forward mode"):
        pulled = autograd.grad(y, xs.values(), v, allow_unused=True)
        along = jvp(outputs, xs.values(), us)[1]
    right = [-u * g for u, g in zip(us, pulled, strict=True) if g is not None]
    terms = np.concatenate([np.ravel(to_numpy(t.data)) for t in (along * v, *right)])
    return terms.sum(), np.abs(terms).sum()


def _drawn(rng, x):
    """Random normal numbers for every one in x."""
    return Tensor(np.asarray(rng.standard_normal(x.shape))).to(x.device)
