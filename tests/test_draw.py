"""Figures have the right size, show the very pixels they were given, and need no pyplot."""

import json
import subprocess
import sys

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

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


def test_captions_stand_below_their_pictures():
    black = np.zeros((3, 1, 28, 28))
    plain = draw.grid(black, columns=2)
    figure = draw.grid(black, columns=2, captions=["a", "b", "c"])
    assert figure.get_figwidth() == plain.get_figwidth()
    assert figure.get_figheight() > plain.get_figheight()
    (ax, ay), (bx, by), (cx, cy) = (text.get_position() for text in figure.texts)
    assert ax == cx < bx
    assert ay == by > cy
    shown = pixels(figure)
    height, width = shown.shape[:2]
    assert (shown[int((1 - cy) * height), int((bx + 0.1) * width)] == 255).all()
    # around a caption all is white but the text, and above it the picture ends
    line = shown[int((1 - ay) * height), : width // 2]
    assert 0 < (line < 128).all(1).mean() < 0.1
    assert found(shown, (0, 0, 0)) >= found(pixels(plain), (0, 0, 0))


def test_rows_of_different_pictures_are_refused():
    with pytest.raises(ValueError, match="rows: b are 2 of 5 × 5, a 2 of 4 × 4"):
        draw.rows(a=np.zeros((2, 1, 4, 4)), b=np.zeros((2, 3, 5, 5)))


@pytest.mark.parametrize(("span", "reach"), [(2.0, 2.0), (None, 1.28155)])
def test_latent_map_shows_each_code_in_its_place(span, reach):
    def decoder(z):
        """Grey by z1 in a red channel, by z2 in a green one."""
        assert not z.requires_grad
        shade = z / 4 + 0.5                                     # (N, 2), in [0, 1]
        blue = minigen.ops.zeros_like(shade[:, :1])
        colour = minigen.ops.cat([shade, blue], 1)
        return colour[:, :, None, None] + minigen.ops.zeros((1, 1, 4, 4))

    figure = draw.latent_map(decoder, span, side=5)
    texts = [t.get_text() for t in figure.texts]
    assert texts[-2:] == ["$z_1$", "$z_2$"]
    assert f"−{reach:.3g}" in texts
    mosaic = figure.axes[0].images[0].get_array()               # (5·6 + 2, 5·6 + 2, 3)
    low, high = 0.5 - reach / 4, 0.5 + reach / 4
    np.testing.assert_allclose(mosaic[3, 3], [low, high, 0], atol=1e-5)         # upper left
    np.testing.assert_allclose(mosaic[-4, -4], [high, low, 0], atol=1e-5)       # lower right
    assert pixels(figure).std() > 0
    named = draw.latent_map(decoder, span, side=5, axes_names=("yaw", "smile"))
    assert [t.get_text() for t in named.texts[-2:]] == ["yaw", "smile"]


# Sound and animations ---------------------------------------------------------------------------


def test_spectrogram_shows_a_tone_at_its_frequency_and_time():
    rate = 8000
    time = np.arange(rate) / rate
    tone = np.where(time >= 0.5, np.sin(2 * np.pi * 1000 * time), 0)
    figure = draw.spectrograms(rate, 256, half_silent=minigen.tensor(tone), quiet=0.001 * tone)
    first, second = (a for a in figure.axes if a.get_title())
    assert first.get_title() == "half silent"
    image = first.images[0]
    left, right, bottom, top = image.get_extent()
    decibels = image.get_array()                                # (129, T)
    row, column = np.unravel_index(decibels.argmax(), decibels.shape)
    kilohertz = bottom + (row + 0.5) * (top - bottom) / len(decibels)
    assert kilohertz == pytest.approx(1)
    assert left + column * (right - left) / decibels.shape[1] > 0.45
    assert decibels[:, : decibels.shape[1] // 3].max() == -70
    assert decibels.max() == 0
    assert second.images[0].get_array().max() == pytest.approx(-60, abs=1e-6)   # one scale
    with pytest.raises(ValueError, match=r"x has shape \(9,\), not \(L,\) with at least 256"):
        draw.spectrograms(rate, x=np.zeros(9))


def test_animation_is_a_gif_of_its_figures(tmp_path):
    shades = (0.0, 0.6, 1.0)
    movie = draw.animation((draw.grid(np.full((1, 1, 8, 8), s)) for s in shades), seconds=0.2)
    movie.savefig(tmp_path / "a.gif")
    with Image.open(tmp_path / "a.gif") as file:
        assert file.n_frames == 3
        assert file.info["loop"] == 0
        times = []
        for i, shade in enumerate(shades):
            file.seek(i)
            times.append(file.info["duration"])
            middle = file.convert("L").getpixel((file.width // 2, file.height // 2))
            assert middle == pytest.approx(255 * shade, abs=1)
        assert times == [200, 200, 1200]
    assert movie._repr_html_().startswith('<img src="data:image/gif;base64,R0lGOD')
    with pytest.raises(ValueError, match='format=\'png\'; an animation is written as "gif"'):
        movie.savefig(tmp_path / "a.png", format="png")


def test_animations_of_nothing_or_of_several_sizes_are_refused():
    with pytest.raises(ValueError, match="animation: no figures"):
        draw.animation([])
    with pytest.raises(ValueError, match="animation: seconds=0; players"):
        draw.animation([], seconds=0)
    with pytest.raises(ValueError, match="figure 1 has 700 × 420 pixels, the first 700 × 640"):
        draw.animation([draw.scatter(np.zeros((1, 2))), draw.lines({"": ([0], [0])})])


# Panels and what fills them ---------------------------------------------------------------------


def test_panels_stand_row_after_row_and_take_plots():
    figure, axes = draw.panels(3, columns=2, width=400, height=300, title="all")
    assert figure.get_size_inches().tolist() == [8, 6 + 0.34]
    boxes = [panel.get_position() for panel in axes]
    assert boxes[0].y0 == boxes[1].y0 > boxes[2].y0
    assert boxes[0].x0 == boxes[2].x0 < boxes[1].x0
    points = RNG.normal(size=(20, 2))
    assert draw.scatter(points, title="left", axes=axes[0]) is figure
    assert draw.lines({"a": (range(3), range(3))}, axes=axes[1]) is figure
    draw.quiver(points, points, axes=axes[2])
    assert [panel.get_title() for panel in axes] == ["left", "", ""]
    assert pixels(figure).shape == (1268, 1600, 3)


def test_scatter_colours_by_value_in_plane_and_space():
    points = RNG.normal(size=(50, 3))
    values = points[:, 0]
    flat = draw.scatter(points[:, :2], values=values, equal=True)
    (dots,) = flat.axes[0].collections
    assert sorted(dots.get_array()) == sorted(values)
    assert dots.get_array()[3] == dots.get_offsets()[3, 0]      # a point keeps its value
    assert flat.axes[0].get_aspect() == 1
    figure, (left, _) = draw.panels(2)
    draw.scatter(points, values=values, title="space", axes_names="xyz", axes=left)
    names = [(a.name, a.get_title()) for a in figure.axes]
    assert ("3d", "space") in names
    assert len([n for n, _ in names if n == "3d"]) == 1
    assert pixels(figure).std() > 0


def test_lines_mark_few_points_and_show_the_spread():
    x = np.arange(1, 9)
    figure = draw.lines({"few": (x, 1 / x, 0.1 / x), "many": (np.arange(1, 99), np.arange(1, 99))},
                        "t", ("a", "b"), log="xy")
    axes = figure.axes[0]
    few, many = axes.lines
    assert (few.get_marker(), many.get_marker()) == ("o", "None")
    assert few.get_zorder() > many.get_zorder()
    band = axes.collections[0].get_paths()[0].vertices
    assert (band[:, 1].max(), band[:, 1].min()) == pytest.approx((1.1, 0.9 / 8))
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert draw.lines({"": (x, x)}).axes[0].get_legend() is None


def test_density_stands_on_a_histogram_of_area_1():
    samples = RNG.normal(size=400)
    x = np.linspace(-4, 4, 50)
    axes = draw.density(x, {"p": np.exp(-(x**2) / 2)}, samples).axes[0]
    assert sum(p.get_width() * p.get_height() for p in axes.patches) == pytest.approx(1)
    assert len(axes.patches) == 20                          # √400
    assert [t.get_text() for t in axes.get_legend().get_texts()] == ["samples", "p"]
    assert len(draw.density(x, {"p": x}).axes[0].patches) == 0


def test_histograms_share_their_bins():
    figure = draw.histogram({"a": RNG.random((9, 9)), "b": 5 + RNG.random(50)}, bins=6)
    first, second = (p.get_path().vertices[:, 0] for p in figure.axes[0].patches)
    np.testing.assert_array_equal(np.unique(first), np.unique(second))
    assert len(np.unique(first)) == 7


def test_plane_is_a_grid_of_middles_from_the_bottom():
    assert draw.plane((0, 4, 10, 12), 2).tolist() == [[1, 10.5], [3, 10.5], [1, 11.5], [3, 11.5]]


def test_density_map_and_regions_show_their_function_the_right_way_up():
    def height(points):
        return points[:, 1]

    axes = draw.density_map(height, (0, 1, 0, 5), RNG.random((9, 2))).axes[0]
    image = axes.images[0]
    assert image.origin == "lower"
    assert image.get_extent() == [0, 1, 0, 5]
    assert (np.diff(image.get_array()[:, 0]) > 0).all()     # rows rise, from the bottom
    shown = pixels(draw.regions(lambda p: height(p) > 2, (0, 4, 0, 4))).astype(int)
    below, above = shown[900, 700], shown[300, 700]
    assert below[2] > below[0] + 20                         # class 0: pale blue
    assert above[0] > above[2] + 20                         # class 1: pale orange
    marked = draw.regions(lambda p: 0 * height(p), (0, 4, 0, 4), [[1, 2], [3, 3]], [0, 2])
    colours = marked.axes[0].collections[-1].get_facecolors()[:, :3]
    np.testing.assert_allclose(colours[1], matplotlib.colors.to_rgb(COLOURS[2]))


def test_quiver_shrinks_all_arrows_alike_and_only_if_needed():
    points = draw.plane((-1, 1, -1, 1), 5)
    short = draw.quiver(points, 0.1 * points).axes[0].collections[0]
    np.testing.assert_allclose(short.U, 0.1 * points[:, 0])
    long = draw.quiver(points, 1000 * points, background=points).axes[0].collections[1]
    np.testing.assert_allclose(long.U * points[:, 1], long.V * points[:, 0], atol=1e-12)
    assert np.hypot(long.U, long.V).max() == pytest.approx(1.5 * 0.4)
    np.testing.assert_allclose(long.get_array(), 1000 * np.linalg.norm(points, axis=1))


MISTAKES = [
    (lambda: draw.grid(np.zeros((3, 1, 2, 2)), captions=["a"]), "1 captions for 3 pictures"),
    (lambda: draw.scatter(np.zeros((3, 4))), r"points have shape \(3, 4\)"),
    (lambda: draw.scatter(np.zeros((3, 2)), [0, 1]), "2 labels for 3 points"),
    (lambda: draw.scatter(np.zeros((3, 2)), values=[0, 1]), "2 values for 3 points"),
    (lambda: draw.lines({"a": ([1, 2], [1])}), r"lines: 'a': x \(2,\), y \(1,\)"),
    (lambda: draw.lines([1, 2]), "lines: expected a dict from names to values, got list"),
    (lambda: draw.density([1, 2], [1, 2]), "density: expected a dict"),
    (lambda: draw.histogram(np.zeros(3)), "histogram: expected a dict .* got ndarray"),
    (lambda: draw.plane(3), r"extent is 3, not \(left, right, bottom, top\)"),
    (lambda: draw.grid(np.full((1, 1, 2, 2), 255, np.uint8)), "images are uint8 to 255; divide"),
    (lambda: draw.lines({}, log="z"), "log='z'; it must be"),
    (lambda: draw.quiver(np.zeros((3, 2)), np.zeros((2, 2))), r"points \(3, 2\), vectors \(2, 2\)"),
    (lambda: draw.regions(lambda p: p, (0, 1, 0, 1)), r"gave \(90000, 2\) values"),
]


@pytest.mark.parametrize(("mistake", "message"), MISTAKES, ids=[m for _, m in MISTAKES])
def test_mistakes_are_explained(mistake, message):
    with pytest.raises((ValueError, TypeError), match=message):
        mistake()


@pytest.mark.gpu
def test_figures_of_what_a_gpu_made():
    """Tensors there are drawn as arrays here are."""
    points = minigen.tensor(RNG.normal(size=(20, 2)), device="gpu")
    classes = minigen.tensor(np.arange(20) % 3, device="gpu")
    here = draw.scatter(points.to("cpu").numpy(), np.arange(20) % 3)
    np.testing.assert_array_equal(pixels(draw.scatter(points, classes)), pixels(here))
    assert draw.scatter(points, values=points[:, 0]).axes[0].collections
    draw.quiver(points, -points, background=points)
    draw.lines({"": (points[:, 0], points[:, 1], points[:, 0] ** 2)})
    draw.density(points[:, 0], {"p": points[:, 1]}, points[:, 0])
    draw.histogram({"a": points})
    draw.regions(lambda p: p[:, 0] > 0, (0, 1, 0, 1), points, classes)
    draw.spectrograms(8000, x=minigen.zeros(400, device="gpu"))

    def decoder(codes):
        assert codes.device == "gpu"
        return codes[:, :1, None, None] * minigen.ones((1, 1, 4, 4), device="gpu")

    assert draw.latent_map(decoder, side=3, device="gpu").axes
