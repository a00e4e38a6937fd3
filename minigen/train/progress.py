"""How far a run is: a bar on a terminal, a line now and then elsewhere.

Read next: run.py, which tells it each step.
"""

import shutil
import sys
import time

from tqdm import tqdm

REFRESH = 0.2       # seconds between redraws of the bar
QUIET = 60.0        # at most so many seconds without a line where there is no terminal
PARTS = 10          # and a line at each tenth of the run


class Progress:
    """Counts steps up to `total`, and shows them with the last logged terms and the time left."""

    def __init__(self, total, step):
        self.total, self.step, self.first = total, step, step
        self.began = self.shown_at = time.monotonic()
        self.shown_part = step * PARTS // total
        self.bar = None
        if sys.stderr.isatty():
            # shutil's answer is never 0, as tqdm's own is on terminals that do not tell their size
            columns, rows = shutil.get_terminal_size()
            self.bar = tqdm(total=total, initial=step, unit="step", leave=False, ncols=columns,
                            nrows=rows)

    def advance(self):
        """Count a step. True when it is time to call `show`."""
        self.step += 1
        silence = time.monotonic() - self.shown_at
        if self.bar is not None:
            return silence > REFRESH or self.step == self.total
        return silence > QUIET or self.step * PARTS // self.total > self.shown_part

    def show(self, terms):
        """Draw the bar, or write a line.   terms: {name: float} of the last step"""
        self.shown_at, self.shown_part = time.monotonic(), self.step * PARTS // self.total
        text = "  ".join(f"{name} {value:.4g}" for name, value in terms.items())
        if self.bar is not None:
            self.bar.set_postfix_str(text, refresh=False)
            self.bar.update(self.step - self.bar.n)
            return
        rate = (self.step - self.first) / max(self.shown_at - self.began, 1e-9)
        left = tqdm.format_interval((self.total - self.step) / rate)
        self.write(f"step {self.step}/{self.total}  {text}  {rate:.1f} steps/s  {left} left")

    def write(self, text):
        """A line of text, above the bar where there is one."""
        if self.bar is not None:
            self.bar.write(text)
        else:
            print(text, flush=True)

    def close(self):
        """Take the bar away: what follows is printed as usual."""
        if self.bar is not None:
            self.bar.close()
