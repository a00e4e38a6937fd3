"""What the names of homework tell: which arguments have a gradient, which are state.

Idea: a name is weak evidence. It explains why no gradient is returned for a `mask`, and it never
makes a wrong gradient right.
Read next: claims.py.
"""

import re

# floating arrays and numbers that have no gradient in any course
NEVER = {"eps", "epsilon", "momentum", "dropout", "keep_prob", "lr", "gt", "y_true", "true_y"}
PARTS = (
    "target", "label", "truth", "mask", "noise", "running", "moving", "one_hot", "onehot", "_weight"
)
LABELS = {"y", "t", "weights"}
STATE = ("running", "moving", "state", "momentum", "step", "count", "num_batches", "buffer")
SCRATCH = re.compile(r"out|buf|buffer|scratch|tmp|temp|work|workspace")
# ... those that have one in every course
LEARNT = re.compile(r"[bw][a-z]?_?\d*|weight|bias|gamma|beta|kernel|query|key|value", re.IGNORECASE)
# ... and those that have one in a layer, and none in a whole network
DATA = re.compile(r"[xhaz]_?\d*|inputs?|data|logits|scores", re.IGNORECASE)
# a place for a gradient: self.dW, cache['grad_x'], grads['b']
GRADIENT = re.compile(
    r"(\b|_)(d[A-Z]\w*|d[a-z]?\d*|d(gamma|beta|weight|bias)|d_\w+|grad\w*)\W*$"
    r"|\b(grads|gradients)\b"
)


def never(name, labels=False):
    """Whether an argument has no gradient; labels: whether y, t and weights are a loss's labels."""
    known = name in NEVER or any(part in name.lower() for part in PARTS)
    return known or SCRATCH.fullmatch(name) is not None or (labels and name in LABELS)


def always(name, first=False):
    """Whether an argument has a gradient: W1, gamma; x, if it is the first."""
    return LEARNT.fullmatch(name) is not None or (first and is_data(name))


def is_data(name):
    """Whether an argument is what goes into a layer or a network: x, h, logits."""
    return DATA.fullmatch(name) is not None


def is_state(name):
    """Whether forward may write to it: running statistics, an array for the result."""
    return any(word in name.lower() for word in STATE) or SCRATCH.fullmatch(name) is not None


def is_gradient(label):
    """Whether what a cache or layer holds under this label is a place for a gradient."""
    return GRADIENT.search(label) is not None
