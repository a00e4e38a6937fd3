"""Demos of auto-encoders: deck A, parts 1 to 4."""
