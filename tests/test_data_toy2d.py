"""Point clouds against the formulas and moments that define them.

Read next: test_data.py, the digits.
"""

import numpy as np
import pytest
from scipy import integrate

from minigen.data import toy2d

MIXTURES = {"ring8": 8, "grid25": 25, "two_gauss_1d": 2}
CLOUDS = {"swiss_roll": 1, "moons": 2, "circle": 1, "spiral": 2, "checkerboard": 8, "pinwheel": 5}
ALL = MIXTURES | CLOUDS
CURVES = ["swiss_roll", "moons", "circle", "spiral"]


def make(name, *args, **options):
    return getattr(toy2d, name)(*args, **options)


@pytest.mark.parametrize("name", ALL)
def test_a_seed_gives_the_same_bytes_and_a_point_depends_on_its_own_row_alone(name):
    many, again, few = make(name, 300, 5), make(name, 300, 5), make(name, 9, 5)
    assert many.points.tobytes() == again.points.tobytes()
    assert (many.points[:9] == few.points).all()
    assert (many.points != make(name, 300, 6).points).any()
    assert many.points.dtype == np.float64 and many.labels.dtype == np.int64


@pytest.mark.parametrize(("name", "classes"), ALL.items())
def test_classes_are_balanced_exactly_and_can_be_given(name, classes):
    counts = np.bincount(make(name, 20 * classes).labels, minlength=classes)
    assert (counts == 20).all()
    if name not in ("swiss_roll", "circle"):
        made = make(name, 7, labels=classes - 1)
        assert (made.labels == classes - 1).all()
        match = make(name, 20 * classes, seed=0)
        assert (match.labels[classes - 1 :: classes] == classes - 1).all()


def test_the_mixtures_are_where_the_course_puts_them():
    ring = toy2d.ring8(8)
    np.testing.assert_allclose(np.linalg.norm(ring.means, axis=1), 2)
    np.testing.assert_allclose(np.linalg.norm(np.diff(ring.means, axis=0), axis=1), 1.5307337)
    grid = toy2d.grid25(25).means
    gaps = np.linalg.norm(grid[:, None] - grid, axis=-1)
    assert (np.sort(gaps, 1)[:, 1] == 2).all() and len(np.unique(grid, axis=0)) == 25
    two = toy2d.two_gauss_1d(2)
    assert two.means.tolist() == [[-2], [1]] and two.std.tolist() == [0.5, 1]


@pytest.mark.parametrize(("name", "std"), [("ring8", 0.02), ("grid25", 0.05)])
def test_a_mixture_has_the_std_asked_for(name, std):
    made = make(name, 20_000, std=std)
    away = made.points - made.means[made.labels]
    np.testing.assert_allclose(away.std(0), std, rtol=0.02)
    # in 2-D a share 1 - e^(-9/2) lies within three standard deviations
    within = (np.linalg.norm(away, axis=1) < 3 * std).mean()
    assert within == pytest.approx(0.98889, abs=0.003)


@pytest.mark.parametrize("name", MIXTURES)
def test_the_density_integrates_to_1_and_peaks_at_the_means(name):
    made = make(name, 25, **({} if name == "two_gauss_1d" else {"std": 0.3}))
    axis = np.linspace(-7, 7, 561)
    step = axis[1] - axis[0]
    dim = made.points.shape[1]
    x = np.stack(np.meshgrid(*[axis] * dim), -1).reshape(-1, dim)
    assert made.density(x).sum() * step**dim == pytest.approx(1, abs=1e-6)
    if name == "two_gauss_1d":
        at = 0.5 / np.sqrt(2 * np.pi) * np.array([2 + np.exp(-4.5), 1 + 2 * np.exp(-18)])
        np.testing.assert_allclose(made.density(made.means), at, rtol=1e-12)


def test_the_swiss_roll_is_the_formula():
    made = toy2d.swiss_roll(1000, 3)
    u = (made.t / (1.5 * np.pi) - 1) / 2
    assert u.min() >= 0 and u.max() <= 1 and u.mean() == pytest.approx(0.5, abs=0.03)
    assert 0 <= made.height.min() < 0.2 and 20.8 < made.height.max() <= 21
    expected = np.stack([made.t * np.cos(made.t), made.height, made.t * np.sin(made.t)], 1)
    np.testing.assert_array_equal(made.points, expected)
    flat = toy2d.swiss_roll(1000, 3, dim=2)
    np.testing.assert_array_equal(flat.points, expected[:, [0, 2]])
    assert flat.height is None


@pytest.mark.parametrize("name", CURVES)
def test_arc_lengths_are_the_integral_of_the_speed(name):
    def speed(t):
        near = make(name, 3, t=np.array([t - 1e-6, t, t + 1e-6]), noise=0, **one_arm)
        return np.linalg.norm((near.clean[2] - near.clean[0]) / 2e-6)

    one_arm = {"labels": 1} if ALL[name] == 2 else {}
    if name == "swiss_roll":
        one_arm = {"height": 0.0}
    low, high = make(name, 2, t=np.array([1.0, 3.0]), **one_arm).s
    length, _ = integrate.quad(speed, 1, 3, epsabs=1e-7)
    assert high - low == pytest.approx(length, abs=1e-6)


@pytest.mark.parametrize("name", CLOUDS)
def test_noise_has_the_deviation_asked_for_and_leaves_the_shape(name):
    made, still = make(name, 20_000, noise=0.07), make(name, 20_000, noise=0)
    np.testing.assert_array_equal(made.clean, still.clean)
    np.testing.assert_array_equal(still.points, still.clean)
    away = made.points - made.clean
    if name == "pinwheel":          # across the arm only, and doubled
        assert np.sqrt((away**2).sum(1).mean()) == pytest.approx(0.14, rel=0.02)
    else:
        np.testing.assert_allclose(away.std(0), 0.07, rtol=0.02)


def test_moons_and_circle_are_arcs_of_their_circles():
    made = toy2d.moons(400, noise=0)
    first, second = made.points[::2], made.points[1::2]
    np.testing.assert_allclose(np.hypot(*first.T), 1)
    np.testing.assert_allclose(np.hypot(*(second - (1, 0.5)).T), 1)
    assert first[:, 1].min() >= 0 and second[:, 1].max() <= 0.5
    np.testing.assert_allclose(np.hypot(*toy2d.circle(400, radius=3).points.T), 3)


def test_the_checkerboard_fills_eight_squares_that_touch_at_corners_only():
    made = toy2d.checkerboard(8000)
    column, row = np.floor(made.points.T / 2 + 2).astype(int)
    assert ((column + row) % 2 == 0).all()
    assert (np.bincount(4 * row + column, minlength=16)[[0, 2, 5, 7, 8, 10, 13, 15]] == 1000).all()
    inside = (made.points / 2 + 2) % 1
    np.testing.assert_allclose(inside.mean(0), 0.5, atol=0.01)
    np.testing.assert_allclose(inside.var(0), 1 / 12, rtol=0.03)


def test_spiral_and_pinwheel_look_the_same_turned_from_arm_to_arm():
    t = np.linspace(0.5, 1.5, 40)
    for name, arms in (("spiral", 2), ("pinwheel", 5)):
        first, second = (make(name, 40, t=t, noise=0, labels=k).points for k in (0, 1))
        turn = np.exp(2j * np.pi / arms)
        np.testing.assert_allclose((first @ (1, 1j)) * turn, second @ (1, 1j), atol=1e-12)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: toy2d.ring8(0), "ring8: n is 0"),
        (lambda: toy2d.pinwheel(5, arms=0), "pinwheel: arms is 0; it must be 1 or more"),
        (lambda: toy2d.ring8(5, std=-1), "ring8: std is -1"),
        (lambda: toy2d.ring8(5, labels=8), "ring8: labels is 8; it must be int64, 0 to 7"),
        (lambda: toy2d.swiss_roll(5, dim=4), "dim is 4"),
        (lambda: toy2d.circle(5, noise=-0.1), "circle: noise is -0.1"),
        (lambda: toy2d.moons(5, angle=0), "no factor 'angle'; the factors are labels, t"),
        (lambda: toy2d.moons(5, t=np.zeros(4)), r"t has shape \(4,\)"),
    ],
)
def test_what_cannot_be_made_is_an_error_that_says_why(call, words):
    with pytest.raises(ValueError, match=words):
        call()
