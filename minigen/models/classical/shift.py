r"""Distribution shift: tests on data that are nearly, but not quite, those a model was made for.

A new test set for ImageNet, collected with all care to be like the old one, cost every model ten
points of accuracy or more; yet their ranks hardly changed. Plotted against each other, the two
accuracies lie under y = x, and on a line once both axes are stretched by the normal quantile:

$$ \Phi^{-1}(\text{accuracy}_B) \approx a \, \Phi^{-1}(\text{accuracy}_A) + b $$

Here setting A is the generator of digits; B draws the same digits smaller and more blurred. Labels
can be wrong too: a share of them is replaced by another class, any as likely as the next.

Course: deck B, « généralisation sur ImageNet : ImageNet-v2 », « erreurs de labels »; item C-14.
Source: Recht, Roelofs, Schmidt & Shankar, Do ImageNet classifiers generalize to ImageNet?, ICML
2019, figure 1 and section 4 (the line).
Read next: ../../data/digits.py (the generator).
"""

import numpy as np
from scipy.stats import norm

from minigen.data import digits


def shifted_digits(n, seed=0, size=28, *, scale, blur):
    """Setting B: `digits(n, seed, size)`, scale and blur times these, all else as it was.

    -> Digits; those of A if both are 1
    """
    a = digits(n, seed, size)
    same = {"labels": a.labels, "rotation": a.rotation, "shear": a.shear, "shift": a.shift,
            "dilation": a.dilation}
    return digits(n, seed, size, **same, scale=scale * a.scale, blur=blur * a.blur)


def flip_labels(labels, share, classes, seed=0):
    """Labels of which a share is wrong: another class, any as likely.   (n,) -> (n,)

    labels: whole numbers below classes. share: in [0, 1]; so many are wrong exactly, to rounding.
    """
    labels = np.asarray(labels)
    if not 0 <= share <= 1:
        raise ValueError(f"flip_labels: share={share}; it must be from 0 to 1")
    if classes < 2 or labels.min() < 0 or labels.max() >= classes:
        raise ValueError(f"flip_labels: labels from {labels.min()} to {labels.max()} for {classes} "
                         "classes; there must be at least 2, numbered from 0")
    rng = np.random.default_rng(seed)
    wrong = rng.permutation(len(labels))[: round(share * len(labels))]
    flipped = labels.copy()
    # 1 to classes - 1 steps around the circle of classes: never back to where it was
    flipped[wrong] = (labels[wrong] + rng.integers(1, classes, len(wrong))) % classes
    return flipped


def probit_line(accuracy_a, accuracy_b, samples):
    """Slope a and intercept b of the line through the accuracies of models, on the probit scale.

    accuracy_a, accuracy_b: (m,), at least 2, measured on so many samples; 0 and 1, which are
    infinite on that scale, count as half a sample less extreme. Least squares.   -> a, b
    """
    least = 0.5 / samples
    x, y = (norm.ppf(np.clip(accuracy, least, 1 - least)) for accuracy in (accuracy_a, accuracy_b))
    if len(x) < 2 or np.ptp(x) == 0:
        raise ValueError("probit_line: it takes models of at least 2 different accuracies on A")
    slope, intercept = np.polyfit(x, y, 1)
    return float(slope), float(intercept)
