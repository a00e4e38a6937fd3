"""The end of a run: did the metric reach the bar that the course sets, and how does it compare?

Read next: demo.py (About: metric and bars), ../cli/bars.py (which records the references).
"""


def verdict(config, metrics):
    """One line for people, and the demo's exit code: 1 if the bar was missed, else 0.

    Only an unmodified preset on the built-in data has a reference.
    """
    launch = config.launch
    if config.data is not None:
        return "your own data: there is no recorded reference to compare with", 0
    if launch is None:
        return "no preset: there is no recorded reference to compare with", 0
    if launch.changed:
        changed = ", ".join(launch.changed)
        return f"settings changed ({changed}): no recorded reference to compare with", 0
    about = launch.about
    if about.metric not in metrics:
        raise ValueError(f"report: {about.metric}, the metric of this demo's record, is missing")
    value = metrics[about.metric]
    reached = about.reached(value, launch.preset)
    words = f"{about.metric} {value:.4g}, bar {about.bar(launch.preset)}"
    return f"{'✓' if reached else '✗'} {words}; {recorded_words(launch.recorded)}", int(not reached)


def recorded_words(recorded):
    """The recorded reference in words."""
    if recorded is None:
        return "not yet recorded (minigen bars records it)"
    seeds = f"{recorded['seeds']} seed{'s' * (recorded['seeds'] > 1)}"
    return f"recorded {recorded['value']:.4g} ± {recorded['sd']:.2g} over {seeds}"
