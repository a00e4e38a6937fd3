"""A Markov chain run backwards is a Markov chain: what diffusion models build on.

First a small chain with steps drawn at random, all of whose paths are counted: given the whole
future, the state before depends on the next one only. Then a chain that spreads two humps over a
line until nothing is left of them, and its reversal, which makes the humps from noise.
Course: deck B, « Modèles de diffusion et chaînes de Markov »; row 22.
"""

from dataclasses import dataclass

import numpy as np

from minigen import demos, draw
from minigen.models.classical.markov_chain import MarkovChain, before_given_future
from minigen.train import About, Demo, Run

ABOUT = About(
    row=22,
    item="C-16",
    fr="chaîne de Markov renversée",
    en="reversal of a Markov chain",
    module="minigen.models.classical.markov_chain",
    metric="deviation",                 # of both factorisations and of all conditionals
    bars={"tiny": 1e-12},
)


@dataclass
class Config(Demo):
    states: int = 3                     # of the small chain
    length: int = 6                     # its states in time, x_0 to x_5
    places: int = 40                    # of the line
    steps: int = 150                    # of the walk on it
    paths: int = 4000                   # walked backwards from noise


PRESETS = {"tiny": {}}


def main(config: Config) -> int:
    demos.classical.check(config)
    rng = np.random.default_rng(config.seed)
    chain = MarkovChain.random(config.states, config.length - 1, rng)
    back, joint = chain.reversed(), chain.joint()                       # (3, 3, 3, 3, 3, 3)

    with Run(config, "markov") as run:
        deviation = abs(joint - back.joint().T).max()                   # .T: its axes run backwards
        for t in range(1, joint.ndim):
            given_all = before_given_future(joint, t)                   # (3, 3, ..., 3)
            given_next = back.transitions[-t].T                         # (3, 3), x_{t-1} first
            given_next = given_next.reshape(given_next.shape + (1,) * (joint.ndim - 1 - t))
            deviation = max(deviation, abs(given_all - given_next).max())
        run.figure("steps", steps(chain, back))

        walk = spreading(config.places, config.steps)
        noise = np.full(config.places, 1 / config.places)
        generator = MarkovChain(noise, walk.reversed().transitions)
        paths = generator.sample(config.paths, rng)                     # (N, T + 1), x_T first
        run.figure("diffusion", diffusion(walk, generator, paths, rng))
        made = np.bincount(paths[:, -1], minlength=config.places) / config.paths
        run.figure("generated", draw.lines(
            {"made from noise": (np.arange(config.places), made),
             "data": (np.arange(config.places), walk.initial)},
            "what the reversed chain makes", ("place", "probability")))
        return run.report(deviation=deviation,
                          distance_to_data=abs(made - walk.initial).sum() / 2)


def spreading(places, steps):
    """A walk on a line: it starts in two humps and goes to near places."""
    x = np.arange(places)
    humps = sum(np.exp(-0.5 * ((x - m * places) / (0.05 * places)) ** 2) for m in (0.25, 0.7))
    P = np.exp(-0.5 * ((x[:, None] - x) / (0.04 * places)) ** 2)
    for _ in range(200):            # until columns sum to 1 too: then uniform noise stays as it is
        P /= np.sqrt(np.outer(P.sum(1), P.sum(1)))
    P /= P.sum(1, keepdims=True)
    return MarkovChain(humps / humps.sum(), np.broadcast_to(P, (steps, places, places)))


def steps(chain, back):
    """The matrices of each step, forwards above, backwards below."""
    count = len(chain.transitions)
    figure, panels = draw.panels(2 * count, count, width=220, height=220)
    for t in range(1, count + 1):
        forward, backward = chain.transitions[t - 1], back.transitions[-t]
        for axes, P, name in ((panels[t - 1], forward, f"$p(x_{t} | x_{t - 1})$"),
                              (panels[count + t - 1], backward, f"$p(x_{t - 1} | x_{t})$")):
            axes.imshow(P, cmap="Blues", vmin=0, vmax=1)
            axes.set(title=name, xticks=[], yticks=[])
            for (i, j), p in np.ndenumerate(P):
                axes.text(j, i, f"{p:.2f}", ha="center", va="center", fontsize=8,
                          color="white" if p > 0.6 else "black")
    return figure


def diffusion(walk, generator, paths, rng):
    """p(x_t) over time, dark where likely, with some paths: data to noise, and noise to data."""
    figure, panels = draw.panels(2, width=480, height=360)
    time = np.arange(paths.shape[1])
    there = walk.marginals(), walk.sample(5, rng), time
    back = generator.marginals()[::-1], paths[:5, ::-1], time
    names = ("data becomes noise: time runs to the right",
             "noise becomes data: time runs to the left")
    for axes, name, (p, some, t) in zip(panels, names, (there, back), strict=True):
        axes.imshow(p.T, cmap="Blues", aspect="auto", origin="lower")
        axes.plot(t, some.T, linewidth=0.8, color=draw.COLOURS[6], alpha=0.8)
        axes.set(title=name, xlabel="t", ylabel="place")
    return figure


if __name__ == "__main__":
    demos.start(__file__)
