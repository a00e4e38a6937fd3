"""Figures of data, models and training, ready to be published.

Idea: each function takes Tensors or arrays and returns a matplotlib `Figure`; nothing is shown or
written. `run.figure(name, figure)` or `figure.savefig(path)` does that.
`graph` draws a tensor's computation, as SVG and DOT.
Read next: style.py, then images.py, plots.py, schema.py, graph.py.
"""

from minigen.draw.graph import graph
from minigen.draw.images import counts, feature_maps, grid, rows
from minigen.draw.plots import curves, scatter
from minigen.draw.schema import schema

__all__ = ["counts", "curves", "feature_maps", "graph", "grid", "rows", "scatter", "schema"]
