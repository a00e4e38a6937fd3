"""Training runs: what a demo says about itself, its folder, progress, checkpoints, and its verdict.

Idea: the training loop stays visible in the demo; `Run` does what every loop would repeat. A run is
a folder from which it can be continued, bit for bit on the CPU.
Read next: demo.py (a demo's record and config), run.py (the loop's companion), checkpoint.py,
parallel.py (several processes), report.py.
"""

from minigen.train.demo import About, Demo, Launch, UsageError
from minigen.train.history import DivergenceError
from minigen.train.run import Run

__all__ = ["About", "Demo", "DivergenceError", "Launch", "Run", "UsageError"]
