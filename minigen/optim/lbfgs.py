r"""L-BFGS: Newton's method, whose matrix is guessed from the last few steps.

Idea: a step s that changed the gradient by y tells how curved the loss is along s. The direction
-H g, H the guess of the inverse Hessian, takes two loops over the last pairs (s, y) and no matrix:
backwards, q ← q - αᵢ yᵢ with αᵢ = sᵢ·q / sᵢ·yᵢ, from q = g; then scaled, d = γ q with γ = s·y / y·y
of the last pair; then forwards, d ← d + sᵢ (αᵢ - yᵢ·d / sᵢ·yᵢ). A line search says how far to go,
and that every sᵢ·yᵢ is above 0, so that -d always points downhill.

It is for losses without noise: all data, no dropout. A linear probe, a style transfer, a physical
law; not minibatches, whose gradients differ more by their data than by the step between them.
Source: Liu & Nocedal, On the limited memory BFGS method, Mathematical Programming 45, 1989;
Nocedal & Wright, Numerical Optimization, 2nd edition, 2006, algorithm 7.4.
Read next: line_search.py.
"""

from collections import deque
from functools import partial

from minigen.autograd import writing
from minigen.backend import array_module, device_of, quiet, to_device, to_numpy
from minigen.optim.line_search import Point, strong_wolfe
from minigen.optim.optimizer import Optimizer
from minigen.tensor import Tensor


class LBFGS(Optimizer):
    """L-BFGS with a strong Wolfe line search, which PyTorch has as an option; one group.

    params: see Optimizer, all on one device. lr: the first step length that a search tries; it
    finds the right one. max_iter, max_eval: how many directions, and evaluations of the loss, a
    `step` takes at most (max_eval: 1.25 · max_iter). It ends where no gradient exceeds
    tolerance_grad, or nothing moves by more than tolerance_change. history_size: pairs to keep.
    """

    def __init__(
        self,
        params,
        lr=1.0,
        max_iter=20,
        max_eval=None,
        tolerance_grad=1e-7,
        tolerance_change=1e-9,
        history_size=100,
    ):
        if max_eval is None:
            max_eval = max_iter * 5 // 4
        limits = {"max_iter": max_iter, "max_eval": max_eval}
        ends = {"tolerance_grad": tolerance_grad, "tolerance_change": tolerance_change}
        self._pairs = deque(maxlen=history_size)  # (s, y), all parameters as one vector
        super().__init__(params, {"lr": lr, **limits, **ends, "history_size": history_size})

    def check(self, group):
        """Ranges of all settings."""
        super().check(group)
        self._require(group["lr"] > 0, f"lr must be above 0, not {group['lr']}")
        for name in ("max_iter", "max_eval", "history_size"):
            self._require(group[name] >= 1, f"{name} must be at least 1, not {group[name]}")
        for name in ("tolerance_grad", "tolerance_change"):
            self._require(group[name] >= 0, f"{name} must be at least 0, not {group[name]}")

    def slots(self, group):
        """None: the pairs are of all parameters together."""
        return ()

    def add_param_group(self, group):
        """The one group there may be; see Optimizer."""
        self._require(not self.param_groups, "takes one group: H mixes all parameters")
        super().add_param_group(group)

    # ---- the update

    def step(self, closure):
        """Go downhill until a limit or a tolerance is reached.   -> the loss before

        closure(): forgets the gradients, computes the loss, calls its `backward`, and returns it.
        It is called many times, with other parameters.
        """
        loss = closure()
        if loss is None:
            raise TypeError("LBFGS.step: the closure returned None; it must return the loss")
        with quiet():  # a trial may overflow: the search takes a shorter one
            self._descend(closure, loss)
        return loss

    def _descend(self, closure, loss):
        group, evaluations = self.param_groups[0], 1
        here = Point(0.0, float(loss), 0.0, self._gathered("grad"))

        def evaluate(x, d, t):
            nonlocal evaluations
            evaluations += 1
            self._scatter(x + t * d)
            value, g = float(closure()), self._gathered("grad")
            return Point(t, value, _dot(g, d), g)

        for _ in range(group["max_iter"]):
            left = group["max_eval"] - evaluations
            if left < 1 or not _largest(here.gradient) > group["tolerance_grad"]:  # or NaN
                return
            x, d = self._gathered("data"), self._direction(here.gradient)
            found = self._search(partial(evaluate, x, d), here, d, left)
            self._scatter(x + found.t * d)  # the last trial may have been another
            if found.t > 0:
                self._remember(found.t * d, found.gradient - here.gradient)
            elif self._pairs:
                self._pairs.clear()  # misled: once more, along the gradient
                continue
            moved = min(found.t * _largest(d), abs(found.value - here.value))
            if moved <= group["tolerance_change"]:
                return
            here = found

    def _search(self, evaluate, here, d, trials):
        """The Point to go to along d; of t = 0 if nothing is lower."""
        start = here._replace(t=0.0, slope=_dot(here.gradient, d))
        if not start.slope < 0:  # rounding
            return start
        t = self.param_groups[0]["lr"]
        if not self._pairs:  # without a guess of the curvature, a short one
            t *= min(1.0, 1 / float(to_numpy(array_module(d).abs(d).sum())))
        narrow = self.param_groups[0]["tolerance_change"] / _largest(d)
        return strong_wolfe(evaluate, start, t, trials, narrow)

    def _direction(self, g):
        """-H g, by the two loops."""
        q, alphas = -g, []
        for s, y in reversed(self._pairs):
            alphas.append(_dot(s, q) / _dot(s, y))
            q -= alphas[-1] * y
        if self._pairs:
            s, y = self._pairs[-1]
            q *= _dot(s, y) / _dot(y, y)
        for (s, y), alpha in zip(self._pairs, reversed(alphas), strict=True):
            q += (alpha - _dot(y, q) / _dot(s, y)) * s
        return q

    def _remember(self, s, y):
        if _dot(s, y) > 1e-10 * _dot(y, y):  # else rounding has eaten the curvature
            self._pairs.append((s, y))

    # ---- all parameters as one vector

    def _gathered(self, which):
        """The parameters' data, or their gradients (0 where there is none), copied into one."""
        params = self.param_groups[0]["params"]
        self._require(len({p.device for p in params}) == 1, "all parameters must be on one device")
        xp = array_module(params[0].data)
        arrays = [p.data for p in params]
        if which == "grad":
            arrays = [xp.zeros_like(p.data) if p.grad is None else p.grad.data for p in params]
        return xp.concatenate([array.reshape(-1) for array in arrays])

    def _scatter(self, vector):
        start = 0
        for p in self.param_groups[0]["params"]:
            with writing(p) as x:
                x[...] = vector[start : start + x.size].reshape(x.shape)
            start += x.size

    # ---- saving

    def state_dict(self):
        """The settings and the pairs: "pairs" (k, 2, N) for N elements in all parameters."""
        xp = array_module(self.param_groups[0]["params"][0].data)
        pairs = [xp.stack(pair) for pair in self._pairs]
        return {**super().state_dict(), **({"pairs": xp.stack(pairs)} if pairs else {})}

    def load_state_dict(self, state):
        """Go on from a saved state, copied. Nothing is changed, and ValueError, unless it fits."""
        like = self._gathered("data")
        none = array_module(like).empty((0, 2, like.size))
        pairs = state.get("pairs", none)
        shape = tuple(pairs.shape)
        fits = len(shape) == 3 and shape[1:] == none.shape[1:]
        self._require(fits, f"load_state_dict: pairs {shape}, expected (k, 2, {like.size})")
        super().load_state_dict({name: v for name, v in state.items() if name != "pairs"})
        pairs = to_device(pairs.data if isinstance(pairs, Tensor) else pairs, device_of(like))
        pairs = pairs.astype(like.dtype)  # a copy
        self._pairs = deque(map(tuple, pairs), maxlen=self.param_groups[0]["history_size"])


def _dot(a, b):
    """a · b as a Python number."""
    return float(to_numpy(array_module(a).vdot(a, b)))


def _largest(x):
    """max |x| as a Python number; 0 of nothing."""
    return float(to_numpy(array_module(x).abs(x).max())) if x.size else 0.0
