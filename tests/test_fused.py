"""Fused ops against what they stand for: their references, made of primitives.

On the calls that the table's rows make: at orders 1 and 2, and through `hvp`.
Read next: test_ops.py.
"""

import sys

import pytest
from test_ops import DIFFERENTIABLE, close, gradients, leaves, outputs

import minigen
from minigen.gradcheck import upstream_like
from minigen.op import Fused
from minigen.tensor import Tensor

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # log(0), 1/0: NumPy tells, once

FUSED = {
    f.op.name: f
    for name, module in sys.modules.items()  # some have the name of an op, which hides them in ops
    if name.startswith("minigen.ops.")
    for f in vars(module).values()
    if isinstance(getattr(f, "op", None), Fused)
}


def calls_of(name):
    """The arguments of all calls to the fused op in the table's rows."""
    found = []

    def note(op, args, y, seconds):
        if op.name == name:
            found.append(args)

    with minigen.op_hook(forward=note):
        for case, run in DIFFERENTIABLE:
            outputs(case, run.options, [Tensor(x) for x in case.arrays(run)])
    return found


@pytest.mark.parametrize("name", FUSED)
def test_fused_op_is_its_reference(name):
    fast, op = FUSED[name], FUSED[name].op
    calls = calls_of(name)
    assert calls, "no row of the table reaches it"
    for args in calls:
        results = []
        for f in (fast, op.reference):
            given = dict(zip(op.parameters, args, strict=True))
            xs = leaves([given[n]._data for n in op.names if given[n] is not None])
            given.update(zip([n for n in op.names if given[n] is not None], xs, strict=True))
            y = f(*given.values())
            v = Tensor(upstream_like(y.detach().numpy())).requires_grad_()
            first = gradients([y], xs, [v.detach()], create_graph=False)
            y = f(*given.values())
            again = gradients([y], xs, [v], create_graph=True)
            us = [Tensor(upstream_like(g.detach().numpy(), seed=2)) for g in again]
            results.append([y, *first, *again, *gradients(again, [*xs, v], us)])
        for a, b in zip(*results, strict=True):
            close(a.detach().numpy(), b.detach().numpy(), scale=16)


@pytest.mark.parametrize("name", FUSED)
def test_hvp_through_a_fused_op_is_that_of_its_reference(name):
    """Of Σ v·y² in each input, so that the op's own value counts at every order."""
    fast, op = FUSED[name], FUSED[name].op
    for args in calls_of(name):
        given = dict(zip(op.parameters, args, strict=True))
        for wanted in op.names:
            if given[wanted] is None or given[wanted].dtype.kind != "f":
                continue
            x = Tensor(given[wanted]._data)
            direction = Tensor(upstream_like(x.numpy(), seed=3))
            results = []
            for f in (fast, op.reference):

                def loss(z, f=f, wanted=wanted, given=given):
                    y = f(*{**given, wanted: z}.values())
                    return (y * y * Tensor(upstream_like(y.detach().numpy()))).sum()

                results.append(minigen.hvp(loss, x, direction))
            (_, (fast_hv,)), (_, (slow_hv,)) = results
            close(fast_hv.numpy(), slow_hv.numpy(), scale=64)
