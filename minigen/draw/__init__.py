"""Figures of data, models and training, ready to be published.

Idea: each function takes Tensors or arrays and returns a matplotlib `Figure`; nothing is shown or
written. `run.figure(name, figure)` or `figure.savefig(path)` does that. Several plots make one
figure by `panels`, several figures one `animation`.
`graph` draws a tensor's computation, as SVG and DOT.
Read next: style.py, then images.py, plots.py, fields.py, sound.py, animation.py, schema.py,
u_schema.py, graph.py.
"""

from minigen.draw.animation import Animation, animation
from minigen.draw.fields import density_map, plane, quiver, regions
from minigen.draw.graph import graph
from minigen.draw.images import counts, feature_maps, grid, latent_map, rows
from minigen.draw.plots import curves, density, histogram, lines, scatter
from minigen.draw.schema import schema
from minigen.draw.sound import spectrograms
from minigen.draw.style import COLOURS, panels
from minigen.draw.u_schema import u_schema

__all__ = ["COLOURS", "Animation", "animation", "counts", "curves", "density", "density_map",
           "feature_maps", "graph", "grid", "histogram", "latent_map", "lines", "panels", "plane",
           "quiver", "regions", "rows", "scatter", "schema", "spectrograms", "u_schema"]
