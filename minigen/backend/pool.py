"""Pooling on arrays: being written."""
