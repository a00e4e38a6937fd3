"""Demos of classical unsupervised learning: decks A and B, their first parts."""

from minigen.train import UsageError


def check(config, *, pictures=False):
    """Refuse options that a demo of this chapter has no use for: silence would be a lie.

    All compute on the CPU. pictures: whether the demo takes a user's own by --data.
    """
    if config.device != "cpu":
        raise UsageError(f"--device {config.device}: this demo computes on the CPU, with NumPy; "
                         "leave --device out")
    if config.data is not None and not pictures:
        raise UsageError(f"--data {config.data}: this demo shows what holds for its own made-up "
                         "data; leave --data out")
