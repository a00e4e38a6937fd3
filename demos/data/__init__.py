"""Demos of the data that the other demos learn from."""
