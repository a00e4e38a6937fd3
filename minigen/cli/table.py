"""Rows of words under each other: how the commands show lists.

Idea: a file of its own, for what demo.py needs to train models takes long to import.
"""


def table(rows):
    """Rows of texts as lines with aligned columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  " + "  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True))
            .rstrip() for row in rows]
