"""PPO's clipped objective where it starts: at ratios of 1, between both edges."""

import numpy as np

WRT = ("new",)


def ppo_inputs(seed):
    rng = np.random.default_rng(seed)
    old = rng.normal(size=6)
    return old.copy(), old, rng.normal(size=6)


def ppo_forward(new, old, advantage):
    ratio = np.exp(new - old)
    low = np.minimum(ratio * advantage, np.clip(ratio, 0.8, 1.2) * advantage)
    return -low.mean(), (ratio, advantage)


def ppo_backward(dout, cache):
    ratio, advantage = cache
    outside = ((ratio > 1.2) & (advantage > 0)) | ((ratio < 0.8) & (advantage < 0))
    return -dout * np.where(outside, 0, ratio * advantage) / len(ratio), None, None
