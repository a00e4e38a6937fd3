"""Figures on the screen, in the program that the system opens such files with.

Idea: no window of our own, which would want an event loop beside the training loop. The system's
viewer plays GIFs, zooms, and mostly follows when a file is replaced.
"""

import os
import shutil
import subprocess
import sys


def viewer():
    """The command that opens a file, () on Windows, which has none.

    RuntimeError, with the reason, where nothing can be opened.
    """
    if sys.platform == "win32":
        return ()
    if sys.platform == "darwin":
        return ("open",)
    if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise RuntimeError("there is no screen here, DISPLAY is not set")
    if shutil.which("xdg-open") is None:
        raise RuntimeError("the command xdg-open is missing, install the package xdg-utils")
    return ("xdg-open",)


def show(path):
    """Open the file, and go on at once.   RuntimeError as `viewer`"""
    if sys.platform == "win32":
        os.startfile(path)
        return
    subprocess.Popen([*viewer(), os.path.abspath(path)], stdin=subprocess.DEVNULL,
                     stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
