"""The manifest: the entries of all kernels, gathered from the files beside their sources.

Idea: what is not here cannot be launched, and what is here is run on the emulator, checked for
races, compiled for sm_80 and sm_90, and benchmarked; see entry.py.
Read next: entry.py, softmax.py.
"""

from minigen.kernels import attention, softmax

KERNELS = (*softmax.KERNELS, *attention.KERNELS)
