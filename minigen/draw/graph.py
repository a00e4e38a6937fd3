"""The drawing of a computation: which ops made a tensor, and from which leaves.

Idea: what `backward` walks up, drawn to be read down: leaves above, the result below, one row for
each distance from the leaves. The layered drawing of Sugiyama, Tagawa & Toda (1981), in four steps:

    layers   a vertex stands below all of its inputs, as near to its consumers as it can
    bends    an edge over several layers gets an empty vertex in each: room to pass between boxes
    order    in its row, a vertex goes to the mean of its neighbours, back and forth; the order with
             the fewest crossings is kept
    places   as near to the neighbours as order and distances allow (least squares), back and forth

Inputs that need no gradient leave no trace in the graph, so that they are not drawn.
Read next: ../autograd.py (what a node is).
"""

from collections import Counter
from dataclasses import dataclass
from html import escape
from itertools import combinations, pairwise
from pathlib import Path

from minigen.autograd import Node
from minigen.draw.style import COLOURS, GREY, INK

FONT = 12  # pixels; a character of a monospaced font is 0.6 as wide
GAP, ROW_GAP, MARGIN = 18, 34, 14  # between neighbours, between rows, around everything
SWEEPS = 40  # back and forth, for order and for places
WEIGHT = {"op": 1.0, "bend": 0.5, "leaf": 0.05}  # how much a vertex decides where others go
FONTS = "ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace"


@dataclass(eq=False)
class Vertex:
    """An op (a box), a leaf (an ellipse), or a bend of a long edge (nothing, kind "bend")."""

    kind: str  # "op", "leaf" or "bend"
    title: str = ""
    shape: str = ""
    layer: int = 0
    x: float = 0.0  # of the centre
    y: float = 0.0

    @property
    def width(self):
        """Room in its row."""
        if self.kind == "bend":
            return 8
        text = 0.61 * FONT * max(len(self.title), len(self.shape))
        return text + 24 if self.kind == "op" else 1.2 * text + 24

    @property
    def height(self):
        """0 for a bend, one or two lines of text for the others."""
        return {"bend": 0, "op": 42}.get(self.kind, 44 if self.title else 30)


class Drawing:
    """A drawn graph.   dot: text for Graphviz. svg: a picture that needs nothing else."""

    def __init__(self, vertices, paths, counts):
        self._vertices, self._paths, self._counts = vertices, paths, counts

    @property
    def dot(self):
        """The graph in Graphviz's language."""
        lines = ["digraph {", f'  node [fontname="monospace", fontsize={FONT}];']
        for i, v in enumerate(self._vertices):
            look = "shape=ellipse" if v.kind == "leaf" else 'shape=box, style="rounded"'
            text = "\\n".join(_quoted(line) for line in (v.title, v.shape) if line)
            lines.append(f'  v{i} [label="{text}", {look}];')
        number = {v: i for i, v in enumerate(self._vertices)}
        for path, count in zip(self._paths, self._counts, strict=True):
            lines += [f"  v{number[path[0]]} -> v{number[path[-1]]};"] * count
        return "\n".join([*lines, "}", ""])

    @property
    def svg(self):
        """The graph as an SVG picture."""
        return _svg(self._vertices, self._paths, self._counts)

    def save(self, path):
        """Write the picture (.svg) or the text (.dot, .gv). ValueError for another suffix."""
        path = Path(path)
        if path.suffix not in (".svg", ".dot", ".gv"):
            raise ValueError(f"graph: {path.name}: the suffix must be .svg, .dot or .gv")
        path.write_text(self.svg if path.suffix == ".svg" else self.dot, encoding="utf-8")

    def _repr_svg_(self):
        return self.svg  # what notebooks show


def graph(tensor, names=None):
    """Draw how a tensor was computed.   -> Drawing, with .svg, .dot and save(path)

    names: {name: tensor}, or pairs of them as from `module.named_parameters()`; shown at leaves and
    at the ops that made these tensors. RuntimeError if nothing was recorded, or the graph was
    freed by a backward.
    """
    if not tensor.requires_grad:
        raise RuntimeError(
            f"graph: no op was recorded for this tensor of shape {tensor.shape}: nothing it was "
            "computed from requires grad, or that happened under no_grad"
        )
    names = {t.node or t: name for name, t in dict(names or ()).items()}
    vertices, counts = _collect(tensor, names)
    _assign_layers(vertices, counts)
    paths = [_bent(a, b) for a, b in counts]
    _arrange(vertices, paths)
    return Drawing(vertices, paths, list(counts.values()))


def _collect(tensor, names):
    """Vertices, inputs before consumers, and how often each is an input of which: {(a, b): n}."""
    found, stack = {}, [tensor.node or tensor]
    while stack:
        edge = stack.pop()
        if edge in found:
            continue
        shape, name = str(edge.shape), names.get(edge, "")
        if not isinstance(edge, Node):
            found[edge] = Vertex("leaf", name, shape)
            continue
        if edge.edges is None:
            raise RuntimeError(
                f"graph: the graph through {edge.op.name} was freed by a backward; draw it before, "
                "or pass retain_graph=True there"
            )
        found[edge] = Vertex("op", f"{name} = {edge.op.name}" if name else edge.op.name, shape)
        stack.extend(reversed(edge.edges))
    # nodes are numbered as they were made: by number, every node stands after its inputs
    ordered = sorted(found, key=lambda edge: edge.number if isinstance(edge, Node) else 0)
    counts = Counter(
        (found[e], found[edge]) for edge in ordered if isinstance(edge, Node) for e in edge.edges
    )
    return [found[edge] for edge in ordered], counts


def _quoted(text):
    return text.replace("\\", "\\\\").replace('"', '\\"')


# ---- where everything goes


def _assign_layers(vertices, edges):
    """Below all inputs; then, from the last up, down to the consumers where no edge gets longer."""
    inputs, consumers = {v: [] for v in vertices}, {v: [] for v in vertices}
    for a, b in edges:
        inputs[b].append(a)
        consumers[a].append(b)
    for v in vertices:
        v.layer = max((a.layer + 1 for a in inputs[v]), default=0)
    for v in reversed(vertices):
        pulled_up = sum(a.kind == "op" for a in inputs[v])
        if consumers[v] and pulled_up <= len(consumers[v]):
            v.layer = min(b.layer for b in consumers[v]) - 1


def _bent(a, b):
    """The path from a to b, with a bend in each layer between them."""
    return [a, *(Vertex("bend", layer=i) for i in range(a.layer + 1, b.layer)), b]


def _arrange(vertices, paths):
    """Set x and y of all vertices and bends."""
    bends = [v for path in paths for v in path[1:-1]]
    rows = [[] for _ in range(1 + max(v.layer for v in vertices))]
    for v in [*vertices, *bends]:
        rows[v.layer].append(v)
    links = [pair for path in paths for pair in pairwise(path)]
    above, below = {v: [] for row in rows for v in row}, {v: [] for row in rows for v in row}
    for a, b in links:
        below[a].append(b)
        above[b].append(a)
    rows = _ordered(rows, links, above, below)
    for row in rows:
        _spread_out(row, [0.0] * len(row))
    for sweep in range(SWEEPS):
        for row in rows if sweep % 2 == 0 else reversed(rows):
            _spread_out(row, [_pulled(v, above[v] + below[v]) for v in row])
    left = min(v.x - v.width / 2 for row in rows for v in row)
    y = MARGIN
    for row in rows:
        height = max(v.height for v in row)
        for v in row:
            v.x, v.y = v.x - left + MARGIN, y + height / 2
        y += height + ROW_GAP


def _ordered(rows, links, above, below):
    """The rows, each in the order with the fewest crossings that sweeping back and forth found."""
    best, fewest = rows, None
    for sweep in range(SWEEPS):
        place = {v: i for row in rows for i, v in enumerate(row)}
        crossings = _crossings(links, place)
        if fewest is None or crossings < fewest:
            best, fewest = [list(row) for row in rows], crossings
        down = sweep % 2 == 0
        for row in rows if down else reversed(rows):
            near = above if down else below
            row.sort(key=lambda v: _mean([place[n] for n in near[v]], place[v]))
            place.update((v, i) for i, v in enumerate(row))
    return best


def _mean(values, otherwise):
    return sum(values) / len(values) if values else otherwise


def _crossings(links, place):
    """How many pairs of links between the same two rows cross."""
    by_row = {}
    for a, b in links:
        by_row.setdefault(a.layer, []).append((place[a], place[b]))
    return sum(
        (a - c) * (b - d) < 0
        for pairs in by_row.values()
        for (a, b), (c, d) in combinations(pairs, 2)
    )


def _pulled(v, neighbours):
    """Where its neighbours pull a vertex: long edges and the flow from op to op stay straight."""
    weights = [8 if v.kind == n.kind == "bend" else WEIGHT[n.kind] for n in neighbours]
    total = sum(w * n.x for w, n in zip(weights, neighbours, strict=True))
    return total / sum(weights) if weights else v.x


def _spread_out(row, wanted):
    """Set x in a row: nearest to the wanted places, in order, without overlap.

    Least squares under order is the pool-adjacent-violators algorithm: neighbours that want to
    pass each other form a block, which goes to the mean of what its members want.
    """
    offsets, blocks = [0.0], []  # a block: [weighted sum of wanted places, weights, members]
    for a, b in pairwise(row):
        offsets.append(offsets[-1] + (a.width + b.width) / 2 + GAP)
    for v, place, offset in zip(row, wanted, offsets, strict=True):
        weight = WEIGHT[v.kind]
        blocks.append([weight * (place - offset), weight, 1])
        while len(blocks) > 1 and blocks[-2][0] / blocks[-2][1] > blocks[-1][0] / blocks[-1][1]:
            last = blocks.pop()
            blocks[-1] = [a + b for a, b in zip(blocks[-1], last, strict=True)]
    starts = [total / weight for total, weight, members in blocks for _ in range(members)]
    for v, start, offset in zip(row, starts, offsets, strict=True):
        v.x = start + offset


# ---- the picture


def _svg(vertices, paths, counts):
    everything = [v for path in paths for v in path] + vertices
    width = max(v.x + v.width / 2 for v in everything) + MARGIN
    height = max(v.y + v.height / 2 for v in everything) + MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" font-family="{FONTS}" font-size="{FONT}">',
        '<defs><marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" '
        f'markerHeight="7" orient="auto"><path d="M0 1 8 4 0 7z" fill="{GREY}"/></marker></defs>',
        '<rect width="100%" height="100%" fill="white"/>',
    ]
    leaving, arriving = _ports(paths)
    for path, count, start, end in zip(paths, counts, leaving, arriving, strict=True):
        parts.append(_edge(path, start, end))
        if count > 1:
            parts.append(f'<text x="{end + 5:.1f}" y="{path[-1].y - 27:.1f}">×{count}</text>')
    parts += [_shape(v) for v in vertices]
    return "\n".join([*parts, "</svg>", ""])


def _ports(paths):
    """The x where each path leaves its first vertex, and where it arrives at its last."""
    leaving, arriving = [0.0] * len(paths), [0.0] * len(paths)
    for ports, at, near in ((leaving, 0, 1), (arriving, -1, -2)):
        of = {}
        for i, path in enumerate(paths):
            of.setdefault(path[at], []).append(i)
        for v, indices in of.items():
            step = min(16, 0.6 * v.width / len(indices))
            indices.sort(key=lambda i: paths[i][near].x)
            for rank, i in enumerate(indices):
                ports[i] = v.x + (rank - (len(indices) - 1) / 2) * step
    return leaving, arriving


def _edge(path, start, end):
    """A curve from under the first vertex, down through the bends, to the top of the last."""
    x, y = start, path[0].y
    steps = [f"M{x:.1f} {y:.1f}"]
    y += path[0].height / 2
    steps.append(f"V{y:.1f}")
    for v in path[1:]:
        last = v is path[-1]
        to_x, to_y = (end, v.y - v.height / 2) if last else (v.x, v.y - 21)
        middle = (y + to_y) / 2
        steps.append(f"C{x:.1f} {middle:.1f} {to_x:.1f} {middle:.1f} {to_x:.1f} {to_y:.1f}")
        x, y = to_x, to_y
        if not last:  # straight between the boxes of its row
            y = v.y + 21
            steps.append(f"V{y:.1f}")
    return f'<path d="{" ".join(steps)}" fill="none" stroke="{GREY}" marker-end="url(#arrow)"/>'


def _shape(v):
    """A box or an ellipse with its text."""
    look = f'stroke="{COLOURS[0] if v.kind == "op" else COLOURS[1]}" fill="'
    if v.kind == "op":
        shape = (
            f'<rect x="{v.x - v.width / 2:.1f}" y="{v.y - v.height / 2:.1f}" width="{v.width:.1f}" '
            f'height="{v.height}" rx="8" {look}#eaf3fb"/>'
        )
    else:
        shape = (
            f'<ellipse cx="{v.x:.1f}" cy="{v.y:.1f}" rx="{v.width / 2:.1f}" ry="{v.height / 2}" '
            f'{look}#fff6e3"/>'
        )
    lines = [line for line in (v.title, v.shape) if line]
    first = v.y + 4 - (len(lines) - 1) * 7.5
    text = "".join(
        f'<text x="{v.x:.1f}" y="{first + 15 * i:.1f}" text-anchor="middle" '
        f'fill="{INK if line is v.title else GREY}">{escape(line)}</text>'
        for i, line in enumerate(lines)
    )
    return f"<g>{shape}{text}</g>"
