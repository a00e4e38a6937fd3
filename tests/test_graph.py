"""draw.graph: what stands in the picture, and where.

The geometry is read back from the SVG itself: boxes, ellipses and the points of the curves.
"""

import re
from itertools import pairwise
from time import perf_counter
from xml.etree import ElementTree

import pytest

import minigen as mg
from minigen import nn, ops
from minigen.draw.graph import graph

SVG = "{http://www.w3.org/2000/svg}"


class Residual(nn.Module):
    """Two layers and a shortcut around the second."""

    def __init__(self):
        super().__init__()
        rng = mg.Generator(0)
        self.first, self.second = nn.Linear(8, 8, rng=rng), nn.Linear(8, 8, rng=rng)

    def forward(self, x):
        h = self.first(x)
        return h + self.second(h.relu())


def residual():
    net = Residual()
    x = mg.ones(4, 8, requires_grad=True)
    return graph(net(x).square().mean(), {**dict(net.named_parameters()), "x": x})


def recurrent():
    w, h = mg.eye(4).requires_grad_(), mg.ones(2, 4)
    for _ in range(6):
        h = (h @ w + mg.ones(4, requires_grad=True)).tanh()
    return graph((h * h).sum(), {"W": w})


def shapes_of(drawing):
    """[(text lines, left, top, right, bottom)] of every box and ellipse."""
    found = []
    for group in ElementTree.fromstring(drawing.svg).iter(f"{SVG}g"):
        shape, *texts = group
        at = {name: float(value) for name, value in shape.attrib.items() if name in BOX}
        if shape.tag == f"{SVG}rect":
            box = at["x"], at["y"], at["x"] + at["width"], at["y"] + at["height"]
        else:
            cx, cy, rx, ry = (at[name] for name in ("cx", "cy", "rx", "ry"))
            box = cx - rx, cy - ry, cx + rx, cy + ry
        found.append(([text.text for text in texts], *box))
    return found


BOX = ("x", "y", "width", "height", "cx", "cy", "rx", "ry")


def curves_of(drawing):
    """The points of every edge, from its start to its arrow."""
    root, curves = ElementTree.fromstring(drawing.svg), []
    for path in root.findall(f"{SVG}path"):
        x, points = 0.0, []
        for command, text in re.findall(r"([MVC])([^MVC]*)", path.get("d")):
            numbers = [float(n) for n in text.split()]
            x, y = (x, numbers[0]) if command == "V" else numbers[-2:]
            points.append((x, y))
        curves.append(points)
    return curves


def test_the_graph_shows_ops_leaves_names_and_shapes():
    texts = [tuple(lines) for lines, *_ in shapes_of(residual())]
    assert sorted(texts) == [
        ("add", "(4, 8)"),
        ("first.bias", "(8,)"),
        ("first.weight", "(8, 8)"),
        ("linear", "(4, 8)"),
        ("linear", "(4, 8)"),
        ("mean", "()"),
        ("relu", "(4, 8)"),
        ("second.bias", "(8,)"),
        ("second.weight", "(8, 8)"),
        ("square", "(4, 8)"),
        ("x", "(4, 8)"),
    ]


def test_the_dot_text_has_every_vertex_and_edge():
    x = mg.ones(3, requires_grad=True)
    y = x.exp() * x.exp()
    h = y * y
    assert graph(h, {'the "x"': x, "y": y}).dot == "\n".join(
        [
            "digraph {",
            '  node [fontname="monospace", fontsize=12];',
            '  v0 [label="the \\"x\\"\\n(3,)", shape=ellipse];',
            '  v1 [label="exp\\n(3,)", shape=box, style="rounded"];',
            '  v2 [label="exp\\n(3,)", shape=box, style="rounded"];',
            '  v3 [label="y = mul\\n(3,)", shape=box, style="rounded"];',
            '  v4 [label="mul\\n(3,)", shape=box, style="rounded"];',
            "  v0 -> v1;",
            "  v0 -> v2;",
            "  v1 -> v3;",
            "  v2 -> v3;",
            "  v3 -> v4;",
            "  v3 -> v4;",
            "}",
            "",
        ]
    )
    assert graph(h).svg.count("×2") == 1


@pytest.mark.parametrize("drawing", [residual, recurrent])
def test_no_two_shapes_overlap_and_all_lie_in_the_picture(drawing):
    drawing = drawing()
    root = ElementTree.fromstring(drawing.svg)
    width, height = float(root.get("width")), float(root.get("height"))
    shapes = shapes_of(drawing)
    assert len(shapes) > 10
    for i, (_, left, top, right, bottom) in enumerate(shapes):
        assert 0 <= left < right <= width and 0 <= top < bottom <= height
        for _, other_left, other_top, other_right, other_bottom in shapes[:i]:
            beside = right <= other_left or other_right <= left
            assert beside or bottom <= other_top or other_bottom <= top


@pytest.mark.parametrize("drawing", [residual, recurrent])
def test_edges_point_down_from_a_shape_to_a_shape(drawing):
    drawing = drawing()
    shapes = shapes_of(drawing)
    for points in curves_of(drawing):
        heights = [y for _, y in points]
        assert heights == sorted(heights) and heights[0] < heights[-1]
        (x, y), (to_x, to_y) = points[0], points[-1]
        assert any(a < x < c and b < y < d for _, a, b, c, d in shapes)
        assert any(a < to_x < c and abs(to_y - b) < 0.2 for _, a, b, c, d in shapes)


@pytest.mark.parametrize("drawing", [residual, recurrent])
def test_long_edges_pass_between_the_boxes(drawing):
    drawing = drawing()
    shapes, vertical = shapes_of(drawing), []
    for points in curves_of(drawing):
        for (x, y), (to_x, to_y) in pairwise(points[1:]):
            if x == to_x and to_y < points[-1][1]:
                vertical.append((x, y, to_y))
    assert vertical
    for x, y, to_y in vertical:
        assert not any(a < x < c and y < d and b < to_y for _, a, b, c, d in shapes)


def test_the_main_line_of_a_chain_is_straight():
    h = mg.ones(3, requires_grad=True)
    for _ in range(5):
        h = h.tanh()
    curves = curves_of(graph(h))
    assert len(curves) == 5 and len({x for points in curves for x, _ in points}) == 1


def test_chains_that_need_not_cross_do_not():
    a, b, c = (mg.ones(2, requires_grad=True) for _ in range(3))
    q = b.tanh()
    r = c.exp()
    p = a.exp()
    p, r, q = p.tanh(), r.tanh(), q.exp()
    q, p, r = q * q, p * p, r * r
    curves = [
        points for points in curves_of(graph(ops.cat([p, q, r])))
        if len(points) == 3  # start, end of the shape, arrow: no bend
    ]  # fmt: skip
    crossings = 0
    for i, ((x, y), _, (to_x, _)) in enumerate(curves):
        for (other_x, other_y), _, (other_to_x, _) in curves[:i]:
            if abs(y - other_y) < 1:
                crossings += (x - other_x) * (to_x - other_to_x) < 0
    assert len(curves) == 12 and crossings == 0


def test_names_are_escaped():
    x = mg.ones(2, requires_grad=True)
    drawing = graph(x.exp(), [("a<b> & c", x)])
    assert ["a<b> & c", "(2,)"] in [lines for lines, *_ in shapes_of(drawing)]


def test_a_leaf_alone_is_drawn():
    assert len(shapes_of(graph(mg.ones(3, requires_grad=True)))) == 1


def test_saving_goes_by_suffix(tmp_path):
    drawing = residual()
    for suffix, content in ((".svg", drawing.svg), (".dot", drawing.dot), (".gv", drawing.dot)):
        drawing.save(tmp_path / f"g{suffix}")
        assert (tmp_path / f"g{suffix}").read_text(encoding="utf-8") == content
    assert drawing._repr_svg_() == drawing.svg
    with pytest.raises(ValueError, match=r"graph: g\.png: the suffix must be \.svg, \.dot or \.gv"):
        drawing.save(tmp_path / "g.png")


def test_a_tensor_without_a_graph_is_refused():
    with pytest.raises(RuntimeError, match=r"graph: no op was recorded for this tensor .*\(3,\)"):
        graph(mg.ones(3).exp())
    loss = mg.ones(3, requires_grad=True).exp().sum()
    loss.backward()
    with pytest.raises(RuntimeError, match="graph: the graph through sum was freed by a backward"):
        graph(loss)


def test_a_deep_network_is_drawn_in_reasonable_time():
    x = mg.ones(2, 4)
    for _ in range(60):
        w = mg.eye(4).requires_grad_()
        x = x + ops.relu(ops.linear(x, w, mg.zeros(4, requires_grad=True)))
    start = perf_counter()
    svg = graph(x.sum()).svg
    assert svg.count("<g>") == 60 * 5 + 1 and perf_counter() - start < 10
