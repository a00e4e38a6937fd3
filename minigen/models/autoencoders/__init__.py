"""Auto-encoders: networks that learn to copy their input through something that makes it hard.

Read in this order: mlp.py, conv.py.
"""
