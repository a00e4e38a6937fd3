"""Shifted digits, wrong labels, and the line of accuracies, against what they promise."""

import json

import numpy as np
import pytest
from scipy.stats import norm

from minigen.cli import main
from minigen.data import digits
from minigen.models.classical.shift import flip_labels, probit_line, shifted_digits


def test_only_scale_and_blur_are_shifted():
    a, b = digits(12, 3), shifted_digits(12, 3, scale=0.8, blur=1.5)
    for name in ("labels", "rotation", "shear", "shift", "dilation"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
    np.testing.assert_allclose(b.scale, 0.8 * a.scale)
    np.testing.assert_allclose(b.blur, 1.5 * a.blur)
    assert b.images.sum() < 0.8 * a.images.sum()        # less ink
    np.testing.assert_array_equal(shifted_digits(12, 3, scale=1, blur=1).images, a.images)


def test_exactly_a_share_of_the_labels_is_wrong_and_all_wrong_classes_are_met():
    labels = np.arange(1000) % 10
    flipped = flip_labels(labels, 0.4, 10, seed=1)
    wrong = flipped != labels
    assert wrong.sum() == 400
    assert flipped.min() == 0 and flipped.max() == 9
    steps = np.bincount((flipped - labels)[wrong] % 10, minlength=10)
    assert steps[0] == 0 and steps[1:].min() > 20       # of 44 on average
    assert (flip_labels(labels, 0, 10) == labels).all()
    assert (flip_labels(labels, 1, 10) != labels).all()
    assert (flip_labels(labels, 0.4, 10, seed=1) == flipped).all()
    assert (labels == np.arange(1000) % 10).all()       # its own are left alone


def test_the_line_of_probits_is_found_and_ends_count():
    a = np.array([0.5, 0.7, 0.9, 0.97])
    slope, intercept = probit_line(a, norm.cdf(1.2 * norm.ppf(a) - 0.5), 10**9)
    assert (slope, intercept) == pytest.approx((1.2, -0.5))
    slope, intercept = probit_line(np.array([0.5, 1.0]), np.array([0.5, 1.0]), 50)
    assert (slope, intercept) == pytest.approx((1, 0), abs=1e-9)


@pytest.mark.parametrize(("call", "message"), [
    (lambda: flip_labels([0, 1], 1.5, 2), "share=1.5; it must be from 0 to 1"),
    (lambda: flip_labels([0, 1], 0.5, 1), "labels from 0 to 1 for 1 classes"),
    (lambda: flip_labels([0, 3], 0.5, 3), "labels from 0 to 3 for 3 classes"),
    (lambda: probit_line(np.array([0.5, 0.5]), np.array([0.4, 0.3]), 100), "2 different"),
])
def test_mistakes_are_explained(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_the_demo_runs(tmp_path):
    changes = ["--set", "samples=200", "--set", "test=100", "--set", "epochs=3", "--set",
               "noisy_epochs=1"]
    assert main(["demo", "shift", *changes, "--out", str(tmp_path)]) == 0
    (folder,) = tmp_path.iterdir()
    assert list(folder.glob("*.png"))
    assert json.loads((folder / "report.json").read_text())["metrics"]["best_on_A"] > 0.2
