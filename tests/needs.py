"""What a test of kernels needs, as a mark: skipped with the reason where it lacks, never in CI.

Read next: test_kernels.py.
"""

import os

import pytest


def needs(part):
    """The mark of tests that need a part of the backend that says whether it is `unavailable`."""
    reason = part.unavailable()
    return pytest.mark.skipif(bool(reason) and not os.environ.get("CI"), reason=reason or "there")
