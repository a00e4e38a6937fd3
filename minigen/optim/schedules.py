r"""Schedules: settings that change during training.

Idea: a schedule is a function of the step t = 0, 1, 2 ... that gives a number. So it serves
whatever changes: the rate of an optimizer, the momentum of an average, a temperature in a loss.

    rate = warmup(500, then=cosine(1.0, 0.1, 9_500))        # a factor, for a Scheduler
    momentum = cosine(0.996, 1.0, 10_000)                   # a value: ema.update(net, momentum(t))

Two schedules follow each other by `chain`, and are multiplied by hand: `lambda t: a(t) * b(t)`.
After their last step `linear` and `cosine` stay where they are.

A `Scheduler` multiplies settings of an optimizer, each group's by itself: groups that learn slower,
or do not decay, stay so.

    scheduler = Scheduler(optimizer, lr=rate, weight_decay=cosine(1.0, 10.0, 10_000))
    optimizer.step(); scheduler.step()                      # in this order, each step
"""

import math
from bisect import bisect_right

from minigen.errors import unknown_argument
from minigen.optim.optimizer import Optimizer


def constant(value=1.0):
    """The value, always."""
    return lambda t: value


def linear(start, end, steps):
    """From start to end in equal steps."""
    _check("linear", steps)
    return lambda t: start + (end - start) * min(t / steps, 1.0)


def cosine(start, end, steps):
    """From start to end along half a wave: slowly first, fast in the middle, slowly last.

    end + (start - end) · (1 + cos(π t / steps)) / 2.   Source: Loshchilov & Hutter, SGDR, ICLR 2017
    """
    _check("cosine", steps)
    return lambda t: end + (start - end) * (1 + math.cos(math.pi * min(t / steps, 1.0))) / 2


def exponential(factor, steps=1):
    """factor^(t / steps): by the factor smaller every so many steps, gradually."""
    _check("exponential", steps)
    return lambda t: factor ** (t / steps)


def step_decay(factor, steps):
    """By the factor smaller every so many steps, at once; or at each of a list of steps."""
    if isinstance(steps, (list, tuple)):
        marks = sorted(steps)
        return lambda t: factor ** bisect_right(marks, t)
    _check("step_decay", steps)
    return lambda t: factor ** (t // steps)


def inverse_sqrt(warmup):
    """min(s / warmup, √(warmup / s)) at the step number s = t + 1: up to 1, then slowly down.

    Times d^(-1/2) · warmup^(-1/2), it is the rate of Vaswani et al., Attention Is All You Need,
    NeurIPS 2017, equation 3.
    """
    _check("inverse_sqrt", warmup)
    return lambda t: min((t + 1) / warmup, math.sqrt(warmup / (t + 1)))


def warmup(steps, then=None):
    """(t + 1) / steps up to 1, in so many steps; then another schedule, from its beginning.

    Without one it stays at 1. Source: Goyal et al., Accurate, Large Minibatch SGD, 2017.
    """
    _check("warmup", steps)
    return chain(lambda t: (t + 1) / steps, steps, constant() if then is None else then)


def chain(first, steps, then):
    """first for so many steps, then the other from its beginning."""
    _check("chain", steps)
    for schedule in (first, then):
        _check_schedule("chain", "a part", schedule)
    return lambda t: first(t) if t < steps else then(t - steps)


def _check(function, steps):
    if not steps > 0:
        raise ValueError(f"{function}: steps must be above 0, not {steps!r}")


def _check_schedule(function, name, schedule):
    if not callable(schedule):
        raise TypeError(
            f"{function}: {name} is {schedule!r}, expected a schedule, a function of the step such "
            "as constant(0.1)"
        )


class Scheduler:
    """Multiplies settings of an optimizer by schedules.

    optimizer: an Optimizer; schedules: setting=schedule, such as lr=cosine(1.0, 0.0, steps). A
    group's setting is what it was when the Scheduler first saw it, times the schedule's factor.
    momentum is also the first of the betas, where an optimizer has those.
    TypeError for a setting that a group has not, or that is no number.
    """

    def __init__(self, optimizer, **schedules):
        if not schedules:
            raise TypeError("Scheduler: no schedule; give one, such as lr=cosine(1.0, 0.0, 1000)")
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"Scheduler: expected an optimizer, got {type(optimizer).__name__}")
        for name, schedule in schedules.items():
            _check_schedule("Scheduler", name, schedule)
        self.optimizer, self.schedules, self.t = optimizer, schedules, 0
        self._initial = {name: [] for name in schedules}  # of each group
        self._apply()

    def step(self):
        """Go to the next step's settings; to be called after the optimizer's step."""
        self.t += 1
        self._apply()

    def _apply(self):
        for name, schedule in self.schedules.items():
            factor, initials = schedule(self.t), self._initial[name]
            groups = self.optimizer.param_groups
            initials += [_setting(group, name) for group in groups[len(initials) :]]
            for group, initial in zip(groups, initials, strict=True):
                changed = {**group, **_changed(group, name, initial * factor)}
                self.optimizer.check(changed)
                group.update(changed)

    def state_dict(self):
        """The step, and each group's settings at step 0; the schedules are yours to make again."""
        return {"step": self.t, "initial": {n: [*v] for n, v in self._initial.items()}}

    def load_state_dict(self, state):
        """Go on from a saved state. ValueError unless it is of these settings and groups."""
        expected = {name: len(values) for name, values in self._initial.items()}
        found = {name: len(values) for name, values in state["initial"].items()}
        if found != expected:
            raise ValueError(f"Scheduler.load_state_dict: {found} groups, expected {expected}")
        self.t, self._initial = int(state["step"]), {n: [*v] for n, v in state["initial"].items()}
        self._apply()


def _setting(group, name):
    """The group's setting of this name, a number."""
    value = group["betas"][0] if name == "momentum" and "betas" in group else group.get(name)
    if name not in group and value is None:
        raise TypeError(unknown_argument("Scheduler", name, [n for n in group if n != "params"]))
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"Scheduler: {name} is {value!r}, which is no number to multiply")
    return value


def _changed(group, name, value):
    """The setting to update, with its new value."""
    if name == "momentum" and "betas" in group:
        return {"betas": (value, *group["betas"][1:])}
    return {name: value}
