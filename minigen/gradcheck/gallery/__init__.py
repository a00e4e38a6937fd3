"""The gallery: every kind of mistake that the checker names, as a page and a worked example.

Idea: every file here is homework, and named like the kind of its mistake. Its docstring is the
page that `minigen gradcheck --explain KIND` prints: a title without a full stop, then three parts,
each headed by one of PARTS on a line of its own between empty lines. Its code is the example: the
pair `right` (right_forward, right_backward, right_inputs) and the pair `wrong`, which differs from
it by the mistake alone. What they share is written once: `wrong_forward = right_forward`. Code
beside these is a helper of both.
Invariant: `minigen gradcheck --self-test` checks every file; `right` passes, and what is said first
of `wrong` is the kind.
Read next: ignores_upstream.py, an example; ../explain.py, which reads and checks these files.
"""

PARTS = ("What it is", "How to find it by hand", "The formula")

# In the order in which the checker asks: how backward behaves, then its values, then what ended it.
KINDS = (
    "wrong_forward", "nondeterministic", "mutates_input", "wrong_order", "wrong_shape",
    "wrong_dtype", "mutates_cache", "stale_cache", "ignores_upstream", "nan_at_edge",
    "sign", "factor", "transpose", "flip", "off_by_one", "boundary", "missing_broadcast_sum",
    "wrong_axis", "missing_term", "input_vs_output", "wrong_mask", "overwrites", "double_count",
    "kink_outside_subgradient", "small_error", "wrong_precision", "wrong_formula",
    "error", "timeout", "memory", "crash",
)  # fmt: skip
