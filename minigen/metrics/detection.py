r"""How well does a score tell positives from negatives, whatever the threshold? (course A-15)

Idea: move a threshold from the highest score down. Each positive it passes is a detection, each
negative a false alarm; the curves show one against the other, and each number sums a curve up.

    ROC                 true positive rate against false positive rate
    precision, recall   how many alarms are right, against how many positives are found

y_true: (N,) of 0 and 1, or booleans, 1 the positive (an anomaly, a member); y_score: (N,), higher
means more positive. Names are scikit-learn's where it has the function.
Read next: inputs.py; Fawcett, An introduction to ROC analysis, 2006.
"""

import numpy as np
from scipy.stats import rankdata

from minigen.metrics.inputs import as_array, as_labels


def roc_auc_score(y_true, y_score):
    r"""Area under the ROC curve: P(positive scores higher than negative), ties count ½.   -> float

        AUROC = (R - P(P + 1)/2) / (P·N)       R the sum of the positives' ranks among all scores

    P positives, N negatives. 0.5 for chance. Source: Hanley & McNeil, Radiology 1982.
    """
    positive, score = _checked(y_true, y_score, "roc_auc_score")
    p, n = int(positive.sum()), int((~positive).sum())
    ranks = rankdata(score)                                     # tied scores share their mean rank
    return float((ranks[positive].sum() - p * (p + 1) / 2) / (p * n))


def roc_curve(y_true, y_score):
    """The ROC curve.   -> (false positive rates, true positive rates, thresholds), each (T + 1,)

    Alarm is raised at scores >= threshold; the first threshold, inf, raises none.
    """
    true, false, threshold = _alarms(*_checked(y_true, y_score, "roc_curve"))
    return false / false[-1], true / true[-1], threshold


def precision_recall_curve(y_true, y_score):
    """Precision against recall.   -> (precisions (T + 1,), recalls (T + 1,), thresholds (T,))

    As in scikit-learn: thresholds rise, recall falls, and the last point, which has no threshold,
    is precision 1 at recall 0.
    """
    checked = _checked(y_true, y_score, "precision_recall_curve")
    true, false, threshold = (x[:0:-1] for x in _alarms(*checked))
    return np.append(true / (true + false), 1), np.append(true / true[0], 0), threshold


def average_precision_score(y_true, y_score):
    """Area under precision against recall, Σ_t (R_t - R_{t-1}) P_t.   -> float

    The share of positives for chance. Source: Davis & Goadrich, ICML 2006: a sum of steps, as
    straight lines between the points would promise too much.
    """
    precision, recall, _ = precision_recall_curve(y_true, y_score)
    return float(-(np.diff(recall) * precision[:-1]).sum())


def fpr_at_tpr(y_true, y_score, tpr=0.95):
    """The least false positive rate at which a share tpr of the positives is found.   -> float"""
    if not 0 < tpr <= 1:
        raise ValueError(f"fpr_at_tpr: tpr={tpr}; it must be above 0 and at most 1")
    false, true, _ = roc_curve(y_true, y_score)
    return float(false[np.searchsorted(true, tpr - 1e-12)])     # 0.95 · 20 / 20 may fall short


def _checked(y_true, y_score, who):
    """Which are positive (N,) bool, and the scores (N,). ValueError for what cannot be ranked."""
    score = as_array(y_score).astype(np.float64)
    if score.ndim != 1:
        raise ValueError(f"{who}: y_score has shape {score.shape}, not (N,)")
    if np.isnan(score).any():
        raise ValueError(f"{who}: a score is NaN")
    true = as_labels(y_true, who, len(score))
    if set(np.unique(true).tolist()) != {0, 1}:
        raise ValueError(f"{who}: y_true must be of 0 and 1, and have both")
    return true.astype(bool), score


def _alarms(positive, score):
    """True and false alarms at each threshold, from inf down.   -> 3 arrays (T + 1,)"""
    order = np.argsort(-score, kind="stable")
    score, positive = score[order], positive[order]
    last = np.flatnonzero(np.append(score[1:] != score[:-1], True))     # of each run of equals
    true = np.cumsum(positive)[last]
    return (np.append(0, true), np.append(0, last + 1 - true), np.append(np.inf, score[last]))
