r"""Markov chains of finitely many states, forwards and backwards.

A chain forgets: where it goes next depends on where it is, not on how it came there. The surprise
is that the same holds looking back. Given all that comes after, the state before depends on the
next one only, so that the chain run backwards is a Markov chain too, by Bayes' rule:

$$ p(x_0, \dots, x_T) = p(x_0) \prod_t p(x_t | x_{t-1}) = p(x_T) \prod_t p(x_{t-1} | x_t), \qquad
   p(x_{t-1} | x_t) = \frac{p(x_{t-1}) \, p(x_t | x_{t-1})}{p(x_t)} $$

Diffusion models live on this. Forwards, a chain turns data into noise, by steps that are chosen;
backwards, it turns noise into data, by steps that a network learns. Steps may differ in time, and
the reversed ones do even where the others do not: they depend on p(x_t).

Symbols: S states · T steps · p(x_0) (S,) · P_t (S, S), P_t[i, j] = p(x_t = j | x_{t-1} = i), rows
sum to 1, as p(x_t) = p(x_{t-1}) P_t for p as a row
Course: deck B, « Modèles de diffusion et chaînes de Markov », Markov chain, reversal; item C-16.
Source: Markov, Extension of the law of large numbers to dependent quantities, 1906; Kolmogoroff,
Zur Theorie der Markoffschen Ketten, 1936 (reversal).
Read next: high_dimension.py; diffusion models come in a later chapter.
"""

import numpy as np

LARGEST = 1 << 24       # entries of a joint distribution: 128 MB


class MarkovChain:
    """A chain x_0, ..., x_T whose steps may differ.

    initial: p(x_0), (S,). transitions: (T, S, S), one matrix a step. ValueError if any is not a
    distribution.
    """

    def __init__(self, initial, transitions):
        self.initial = np.asarray(initial, np.float64)
        self.transitions = np.asarray(transitions, np.float64)
        states, square = self.initial.shape, self.transitions.shape[1:]
        if len(states) != 1 or square != 2 * states:
            raise ValueError(f"MarkovChain: initial has shape {states}, transitions "
                             f"{self.transitions.shape}; they must be (S,) and (T, S, S)")
        for name, p in (("initial", self.initial), ("a row of transitions", self.transitions)):
            if not (np.all(p >= 0) and np.allclose(p.sum(-1), 1, rtol=0, atol=1e-9)):
                raise ValueError(f"MarkovChain: {name} is no distribution; its entries must be at "
                                 "least 0 and their sum 1")

    @classmethod
    def random(cls, states, steps, rng):
        """Each distribution drawn uniformly from all there are. rng: a numpy.random.Generator."""
        return cls(rng.dirichlet(np.ones(states)), rng.dirichlet(np.ones(states), (steps, states)))

    def marginals(self):
        """p(x_t) = p(x_{t-1}) P_t of every t.   -> (T + 1, S)"""
        p = [self.initial]
        for P in self.transitions:
            p.append(p[-1] @ P)
        return np.array(p)

    def reversed(self):
        """The chain x_T, ..., x_0, by Bayes' rule.   -> MarkovChain

        From a state that is never visited the reversed chain may do anything: it goes uniformly.
        """
        p = self.marginals()
        back = []
        for t in range(len(self.transitions), 0, -1):
            pairs = (p[t - 1][:, None] * self.transitions[t - 1]).T     # p(x_t, x_{t-1}), (S, S)
            visited = pairs.sum(1, keepdims=True) > 0
            P = np.where(visited, pairs, 1)
            back.append(P / P.sum(1, keepdims=True))
        return MarkovChain(p[-1], np.reshape(back, self.transitions.shape))

    def joint(self):
        """p(x_0, ..., x_T), all of it.   -> (S, S, ..., S), T + 1 axes; ValueError if too large"""
        states, steps = len(self.initial), len(self.transitions)
        if states ** (steps + 1) > LARGEST:
            raise ValueError(f"MarkovChain.joint: {states} states and {steps} steps make "
                             f"{states}^{steps + 1} paths; the limit is {LARGEST}")
        p = self.initial
        for P in self.transitions:
            p = p[..., None] * P                        # one axis more: p(path) p(x_t | x_{t-1})
        return p

    def sample(self, n, rng):
        """n paths x_0, ..., x_T. rng: a numpy.random.Generator.   -> (n, T + 1) int"""
        paths = np.empty((n, len(self.transitions) + 1), int)
        paths[:, 0] = _draw(np.broadcast_to(self.initial, (n, len(self.initial))), rng)
        for t, P in enumerate(self.transitions):
            paths[:, t + 1] = _draw(P[paths[:, t]], rng)
        return paths


def before_given_future(joint, t):
    """p(x_{t-1} | x_t, ..., x_T) from the joint distribution, for any process, Markov or not.

    joint: (S,) * (T + 1); t from 1 to T.   -> (S,) * (T - t + 2), the first axis is x_{t-1}
    """
    if not 1 <= t < joint.ndim:
        raise ValueError(f"before_given_future: t={t}; it must be from 1 to {joint.ndim - 1}")
    pairs = joint.sum(axis=tuple(range(t - 1)))         # p(x_{t-1}, ..., x_T)
    return pairs / pairs.sum(0)


def _draw(p, rng):
    """A state from each distribution, where a uniform number falls.   (n, S) -> (n,)"""
    levels = np.cumsum(p, 1)
    u = rng.random((len(p), 1)) * levels[:, -1:]        # the last level is 1 up to rounding
    return (u >= levels).sum(1)
