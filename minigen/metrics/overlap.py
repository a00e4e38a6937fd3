r"""Do what was found and what is there cover the same place? Boxes, and pixels. (course A-16)

Idea: intersection over union, of two regions A and B, is 1 for the same region and 0 for two that
share nothing; unlike a count of right pixels, it is not flattered by a large background.

    IoU(A, B) = |A ∩ B| / |A ∪ B|

Boxes: rows (top, left, bottom, right), the last two excluded: their sides are the differences.
All inputs are Tensors or arrays.
Read next: detection.py (the precision and recall of scores); Everingham et al., The Pascal Visual
Object Classes Challenge, IJCV 2010.
"""

import numpy as np

from minigen.metrics.inputs import as_array


def box_iou(a, b):
    """Intersection over union of each two boxes.   (n, 4), (m, 4) -> float64 (n, m)

    0 for a box without area: one whose bottom is not below its top, as a network may say.
    ValueError for other shapes.
    """
    a, b = (as_array(x).astype(np.float64) for x in (a, b))
    for boxes in (a, b):
        if boxes.ndim != 2 or boxes.shape[1] != 4:
            raise ValueError(f"box_iou: boxes have shape {boxes.shape}, not (n, 4)")
    low = np.maximum(a[:, None, :2], b[None, :, :2])                    # (n, m, 2) top, left
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])                   # (n, m, 2) bottom, right
    both = np.maximum(high - low, 0).prod(2)
    area_a, area_b = (np.maximum(x[:, 2:] - x[:, :2], 0).prod(1) for x in (a, b))
    union = area_a[:, None] + area_b - both
    return np.divide(both, union, out=np.zeros_like(both), where=union > 0)


def box_average_precision(true, found, overlap=0.5):
    """Precision, mean over the objects, each at the score that finds it; 0 for those not found.

    true: [boxes (m, 4)], found: [(scores (n,), boxes (n, 4))], one for each picture.   -> float

    From the highest score down, a box is right if its IoU with an object that no box before it had
    is at least `overlap`; of several such objects it has the one it overlaps most. It is the area
    under precision against recall, without interpolation.
    ValueError if there is no object, or not one entry for each picture.
    Source: Everingham et al., 2010; Lin et al., Microsoft COCO, ECCV 2014 (an object once had is
    out of the game).
    """
    who, count = "box_average_precision", sum(map(len, true))
    if len(true) != len(found):
        raise ValueError(f"{who}: boxes found in {len(found)} pictures, true ones in {len(true)}")
    if count == 0:
        raise ValueError(f"{who}: there is no object to be found")
    scores, right = [np.zeros(0)], [np.zeros(0, bool)]
    for boxes, (score, guesses) in zip(true, found, strict=True):
        score = as_array(score)
        scores.append(score)
        right.append(_hits(box_iou(guesses, boxes), np.argsort(-score, kind="stable"), overlap))
    order = np.argsort(-np.concatenate(scores), kind="stable")
    right = np.concatenate(right)[order]
    precision = right.cumsum() / np.arange(1, len(right) + 1)
    return float(precision[right].sum() / count)


def mean_iou(true, predicted, classes):
    """Intersection over union of each class's pixels in all pictures, mean over the classes.

    true, predicted: the class of each pixel, of one shape. classes: those that count, without the
    background, say; one that is neither there nor predicted does not.   -> float
    ValueError for different shapes, or if none of the classes is there or predicted.
    """
    true, predicted = as_array(true), as_array(predicted)
    if true.shape != predicted.shape:
        raise ValueError(f"mean_iou: pixels of shape {true.shape} and {predicted.shape}")
    pairs = [(true == k, predicted == k) for k in classes]
    values = [(a & b).sum() / (a | b).sum() for a, b in pairs if (a | b).any()]
    if not values:
        raise ValueError("mean_iou: no pixel is of one of the classes, or predicted to be")
    return float(np.mean(values))


def _hits(iou, order, overlap):
    """Which of a picture's guesses are right.   (n, m), (n,) -> (n,) bool"""
    right = np.zeros(len(iou), bool)
    for k in order if iou.shape[1] else ():
        best = iou[k].argmax()
        right[k] = iou[k, best] >= overlap
        if right[k]:
            iou[:, best] = -1                                           # it is taken
    return right
