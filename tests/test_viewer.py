"""Figures and animations in a run's folder, and on the screen with --show."""

import os
import subprocess
import sys

import numpy as np
import pytest

from minigen import draw
from minigen.train import Demo, Run, UsageError, viewer


def test_an_animation_is_a_figure_too(tmp_path):
    movie = draw.animation(draw.grid(np.full((1, 1, 4, 4), s)) for s in (0.0, 1.0))
    with Run(Demo(out=str(tmp_path)), "moving") as run:
        run.figure("steps", movie)
        run.figure("still", draw.grid(np.zeros((1, 1, 4, 4))))
    assert (run.folder / "steps.gif").read_bytes().startswith(b"GIF8")
    assert (run.folder / "still.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="about Linux's viewer")
def test_show_opens_each_figure_once_or_says_why_not(tmp_path, monkeypatch):
    opened, shown, start = tmp_path / "opened", [], subprocess.Popen
    script = tmp_path / "xdg-open"
    script.write_text(f'#!/bin/sh\necho "$1" >> {opened}\n')
    script.chmod(0o755)
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    config = Demo(out=str(tmp_path / "runs"), show=True)
    with pytest.raises(UsageError, match="--show: there is no screen here, DISPLAY is not set"):
        config.check()
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    with pytest.raises(UsageError, match="xdg-open is missing, install the package xdg-utils"):
        config.check()
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/usr/bin{os.pathsep}/bin")
    monkeypatch.setattr(viewer.subprocess, "Popen",
                        lambda *args, **kwargs: shown.append(start(*args, **kwargs)))
    with Run(config, "seen") as run:
        for shade in (0.0, 1.0):
            run.figure("again", draw.grid(np.full((1, 1, 4, 4), shade)))
    assert [process.wait(10) for process in shown] == [0]
    assert opened.read_text().strip() == os.path.abspath(run.folder / "again.png")
