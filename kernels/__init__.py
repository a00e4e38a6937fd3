"""CUDA C++ kernels, and the manifest that says how to run each of them.

Imported as `minigen.kernels`: in a wheel by setup.py's mapping, in a clone by minigen/__init__.py.
Read next: manifest.py.
"""
