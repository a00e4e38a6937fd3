"""Backbones: networks that other models look through, each with its paper's exact sizes.

Read next: alexnet.py, visualise.py (what units of a network see).
"""
