"""Volume rendering of a NeRF: the colour of a ray from densities and colours along it.

    α_i = 1 - e^(-σ_i δ_i),    T_i = e^(-Σ_{j<i} σ_j δ_j),    w_i = T_i α_i,    C = Σ_i w_i c_i

for each ray: α_i is what sample i absorbs of the light that reaches it, T_i what is left of a
ray's light when it arrives there, w_i the sample's weight.

Shapes: density σ (R, S) ≥ 0, colour c (R, S, 3), distances δ (R, S), C (R, 3).

Derive: ddensity (R, S) and dcolour (R, S, 3) from dout (R, 3); the distances are constants. With
g_i = dout · c_i the gradient of the weight w_i, and τ_i = σ_i δ_i, show that

    ∂w_i/∂τ_i = T_{i+1},    ∂w_j/∂τ_i = -w_j for j > i,    ∂w_j/∂τ_i = 0 for j < i

where T_{i+1} = T_i e^(-τ_i). Each density so has a term of its own, and one for all samples behind
it, which it shades.
Think of: the sum over all samples behind, for each sample, is a cumulative sum from the far end:
no double loop. It leaves out the sample itself.

Course item: T-01.
Source: Mildenhall et al., "NeRF: representing scenes as neural radiance fields for view synthesis",
ECCV 2020; Max, "Optical models for direct volume rendering", 1995.

Fill in volume_rendering_backward, then: minigen gradcheck --exercise volume_rendering
"""

import numpy as np

POINTS = 5
WRT = ("density", "colour")


def volume_rendering_forward(density, colour, distance):
    """density (R, S), colour (R, S, 3), distance (R, S) -> C (R, 3).

    The cache is colour, distance, the weights w (R, S) and T_{i+1} (R, S), what leaves sample i.
    """
    depth = density * distance
    leaves = np.exp(-np.cumsum(depth, axis=1))
    arrives = np.concatenate([np.ones((len(depth), 1)), leaves[:, :-1]], axis=1)
    w = arrives * (1 - np.exp(-depth))
    return np.einsum("rs,rsk->rk", w, colour), (colour, distance, w, leaves)


def volume_rendering_backward(dout, cache):
    """dout (R, 3) -> ddensity (R, S), dcolour (R, S, 3); the distances are constants."""
    raise NotImplementedError


def volume_rendering_inputs(seed):
    """density, colour, distance of a small case."""
    rng = np.random.default_rng(seed)
    density, distance = rng.uniform(0.2, 3, size=(2, 5)), rng.uniform(0.1, 0.5, size=(2, 5))
    return density, rng.uniform(size=(2, 5, 3)), distance
