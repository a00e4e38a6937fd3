"""Does a backward behave like one? What can be asked before any value is compared.

Idea: shape, dtype, who overwrites what, whether a second call gives the same, whether the result
follows the upstream gradient: such questions have exact answers, cost a few calls, and explain most
beginners' mistakes in one sentence. They come in one order, and the first that fails ends the check
of the pair, for what comes after it would only show the same mistake again.

    found = examine(subject, wrt=None, seed=0, upstream=None)  -> Examination
    misplaced(subject, found.claims, found.upstream, seed)     -> Finding (wrong_order) or None

KINDS, in this order: nondeterministic and nan_at_edge (of forward), mutates_input, wrong_shape,
wrong_order, wrong_dtype, mutates_cache, nondeterministic, stale_cache, ignores_upstream,
nan_at_edge.

Read next: claims.py (what belongs to what), experiments.py (what would be right).
"""

from dataclasses import dataclass, field


@dataclass
class Examination:
    """What was found, and what the numeric check goes on with."""

    findings: list = field(default_factory=list)    # Finding, in the order of the checks
    claims: list = field(default_factory=list)      # Claim, gradients as arrays like their leaf
    unclaimed: list = field(default_factory=list)   # (Leaf, sentence)
    notes: list = field(default_factory=list)       # sentences: what was not checked, and why
    outputs: object = None                          # of forward, nested
    upstream: object = None                         # what backward was given, nested like outputs

    @property
    def stopped(self):
        """Whether a finding leaves nothing to compare."""
        return any(f.verdict in ("fail", "error") for f in self.findings) or not self.claims


def examine(subject, wrt=None, seed=0, upstream=None):
    """Every structure check of one pair at one point.

    subject: a Subject; wrt: names of the arguments that have a gradient, if known; upstream: the
    only one that backward can take, such as 1.0 for a loss whose backward has no `dout`; default: a
    random one. A StudentError of the first forward or backward is the caller's.
    """
    raise NotImplementedError


def misplaced(subject, claims, upstream, seed=0):
    """After a failed comparison: is it the order? A failed Finding (wrong_order), or None."""
    raise NotImplementedError
