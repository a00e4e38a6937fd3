"""Figures have the right size, show the very pixels they were given, and need no pyplot."""

import json
import subprocess
import sys

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure

import minigen
from minigen import draw
from minigen.draw.style import COLOURS

RNG = np.random.default_rng(0)


def pixels(figure):
    """The figure as it would be written.   -> (height, width, 3) uint8"""
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())[..., :3].copy()


def found(pixel_rows, colour):
    """How many pixels have exactly this colour, given as "#rrggbb" or three numbers."""
    rgb = np.round(255 * np.array(matplotlib.colors.to_rgb(colour))).astype(np.uint8)
    return int((pixel_rows == rgb).all(-1).sum())


@pytest.mark.parametrize("channels", [1, 3])
def test_grid_shows_each_pixel_as_a_block_of_its_own_colour(channels):
    images = RNG.random((5, channels, 8, 6), dtype=np.float32)
    shown = pixels(draw.grid(images, columns=3))
    side = shown.shape[1] / (3 * (6 + 2) + 2)               # 3 pictures of 6, gaps of 2
    assert side == int(side) >= 2                           # whole screen pixels
    assert shown.shape[0] == (2 * (8 + 2) + 2) * side
    middles = shown[int(side) // 2 :: int(side), int(side) // 2 :: int(side)]
    expected = np.broadcast_to(images.transpose(0, 2, 3, 1), (5, 8, 6, 3))
    fourth = middles[12:20, 2:8]                            # second row, first column
    np.testing.assert_allclose(fourth, 255 * expected[3], atol=1)
    assert (middles[12:20, 18:24] == 255).all()             # no sixth picture: white


def test_images_are_clipped_and_may_be_tensors():
    images = minigen.tensor([[[[-1.0, 2.0]]]], requires_grad=True)
    shown = pixels(draw.grid(images))
    assert found(shown, "#000000") > 0
    np.testing.assert_array_equal(shown, pixels(draw.grid(np.array([[[[0.0, 1.0]]]]))))


@pytest.mark.parametrize("shape", [(2, 4, 4), (2, 2, 4, 4), (4,)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(ValueError, match=r"draw: images have shape .*not \(N, 1 or 3, H, W\)"):
        draw.grid(np.zeros(shape))


def test_rows_are_named_and_keep_their_order():
    black, white = np.zeros((4, 1, 7, 7)), np.ones((4, 1, 7, 7))
    shown = pixels(draw.rows(black_ones=black, grey_ones=white * 0.2))
    height, width = shown.shape[:2]
    assert found(shown[: height // 2], (0, 0, 0)) > 0.3 * height * width / 2
    assert found(shown[: height // 2], (0.2, 0.2, 0.2)) == 0
    assert found(shown[height // 2 :], (0.2, 0.2, 0.2)) > 0.3 * height * width / 2
    for half in (shown[: height // 2, :200], shown[height // 2 :, :200]):
        assert (half < 128).any()                           # the names


def test_feature_maps_show_every_map_up_to_the_limit():
    layers = {"a": RNG.random((16, 14, 14)), "b": minigen.tensor(RNG.random((100, 7, 7)))}
    figure = draw.feature_maps(RNG.random((1, 28, 28)), layers)
    titles = [text.get_text() for text in figure.texts]
    assert titles[0] == "input"
    assert titles[1].startswith("a: 16 maps of 14 × 14")
    assert titles[2].endswith("; the first 64")
    assert [len(axes.images) for axes in figure.axes] == [1, 1, 1]
    flat = draw.feature_maps(np.zeros((3, 5, 5)), {"dead": np.zeros((2, 3, 3))})
    assert pixels(flat).std() > 0


def test_counts_write_the_numbers_into_the_cells():
    figure = draw.counts({"one": np.array([[1.0, 2], [3, 4]]), "two": np.ones((3, 3))}, "title")
    texts = [[t.get_text() for t in axes.texts] for axes in figure.axes]
    assert texts == [["1", "2", "3", "4"], ["1"] * 9]
    assert pixels(figure).shape == (760, 1200, 3)


def test_scatter_colours_points_by_class_and_names_the_classes():
    points = RNG.normal(size=(300, 2)).astype(np.float32)
    labels = np.arange(300) % 3
    figure = draw.scatter(minigen.tensor(points), labels, ("a", "b", "c"), "t", ("x", "y"))
    axes = figure.axes[0]
    (dots,) = axes.collections
    assert len(dots.get_offsets()) == 300
    colours = matplotlib.colors.to_rgba_array([COLOURS[k] for k in range(3)])[:, :3]
    for point, colour in zip(dots.get_offsets(), dots.get_facecolors(), strict=True):
        index = np.flatnonzero((points == point.astype(np.float32)).all(1))[0]
        np.testing.assert_allclose(colour[:3], colours[labels[index]])
    assert [t.get_text() for t in axes.texts] == ["a", "b", "c"]
    assert (axes.get_title(), axes.get_xlabel(), axes.get_ylabel()) == ("t", "x", "y")
    assert len(set(COLOURS)) == 10
    plain = draw.scatter(points)
    assert not plain.axes[0].texts
    assert found(pixels(plain), "#ffffff") < pixels(plain).size / 3


def test_curves_draw_every_logged_term(tmp_path):
    path = tmp_path / "metrics.jsonl"
    lines = [{"step": s, "loss": 100 / s} for s in range(1, 201)]
    lines += [{"step": s, "kl": 0.1 * s} for s in range(201, 205)]
    path.write_text("\n".join(map(json.dumps, lines)))
    axes = draw.curves(path).axes[0]
    assert axes.get_yscale() == "log"
    legend = [t.get_text() for t in axes.get_legend().get_texts()]
    assert legend == ["loss", "kl"]
    pale, strong = axes.lines[:2]
    np.testing.assert_allclose(pale.get_ydata(), [100 / s for s in range(1, 201)])
    # the mean over 5 steps stands over the middle one
    assert strong.get_xdata()[0] == 3
    assert strong.get_ydata()[0] == pytest.approx(sum(100 / s for s in range(1, 6)) / 5)
    path.write_text(json.dumps({"step": 1, "elbo": -3.0}))
    assert draw.curves(path).axes[0].get_yscale() == "linear"


def test_schema_draws_any_depth():
    for sizes in ((784, 128, 32), (12, 3), (784, 1000, 500, 250, 30)):
        figure = draw.schema(sizes, RNG.random((1, 28, 28)), RNG.normal(size=sizes[-1]),
                             RNG.random((3, 28, 28)))
        texts = [t.get_text() for t in figure.axes[0].texts]
        assert [t for t in texts if t.isdigit()] == [str(s) for s in [*sizes, *sizes[-2::-1]]]
        shown = pixels(figure)
        assert shown.shape == (620, 2000, 3)
        # nothing is drawn beyond the edge: the outermost pixels are white
        for edge in (shown[0], shown[-1], shown[:, 0], shown[:, -1]):
            assert (edge == 255).all()


def test_a_users_own_style_changes_nothing():
    images = RNG.random((2, 1, 5, 5))
    plain = pixels(draw.rows(a=images))
    with matplotlib.rc_context({"font.size": 30, "figure.facecolor": "red", "savefig.dpi": 20,
                                "font.family": "monospace"}):
        np.testing.assert_array_equal(pixels(draw.rows(a=images)), plain)


def test_figures_are_free_of_pyplot(tmp_path):
    code = ("import sys, numpy as np; from minigen import draw; "
            f"draw.grid(np.ones((1, 1, 4, 4))).savefig({str(tmp_path / 'a.png')!r}); "
            "sys.exit('matplotlib.pyplot' in sys.modules)")
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert isinstance(draw.grid(np.ones((1, 1, 4, 4))), Figure)
