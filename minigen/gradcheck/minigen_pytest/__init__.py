"""The pytest plugin: fixture `gradcheck`, marker with points, homework files as tests.

Idea: in a wheel this folder is the top-level package `minigen_pytest` (setup.py maps it), for every
run of pytest in an environment with minigen imports it, whatever is tested. As a part of `minigen`
it would bring NumPy and the engine along.
Invariant: this file imports nothing but pytest. What checks stands in checks.py, and is imported by
the first test that checks.

Points travel as properties of a test's last report, so that they are in junit.xml, and come home
from the processes of pytest-xdist.
Read next: checks.py; docs/gradcheck-pytest.md, for users.
"""

import math

import pytest

EARNED, WORTH = "gradcheck_points", "gradcheck_max_points"      # names of the properties
MARKER = "gradcheck(points=1): what the test is worth; the sum is printed at the end (minigen)"

earned = pytest.StashKey[float]()       # of a test
selected = pytest.StashKey[float]()     # of a run: what all its tests are worth


def pytest_addoption(parser):
    """The two options."""
    group = parser.getgroup("minigen", "gradients of homework (minigen)")
    group.addoption(
        "--minigen-gradcheck", metavar="FILE", action="append", default=[],
        help="check this homework file (.py, .ipynb), too: a test for each of its pairs, in a "
        "process of its own; may be given several times",
    )  # fmt: skip
    group.addoption(
        "--minigen-gradcheck-spec", metavar="SPEC.toml",
        help="a teacher's file with inputs and points for the pairs of these files",
    )  # fmt: skip
    group.addoption(
        "--minigen-gradcheck-hints", metavar="LEVEL", type=int, choices=range(4), default=2,
        help="how much a failure shows at most, of these files and of the fixture gradcheck: 0 the "
        "verdict, 1 which argument and entries, 2 what is wrong (default), 3 line and edit",
    )  # fmt: skip


def pytest_configure(config):
    """Make the marker known, for --strict-markers."""
    config.addinivalue_line("markers", MARKER)


@pytest.fixture(scope="session")
def gradcheck(pytestconfig):
    """gradcheck(forward, backward, inputs=...): minigen's; fails the test unless all is right."""
    from .checks import passing  # NumPy and minigen, for those who use them

    return passing(pytestconfig.option.minigen_gradcheck_hints)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    """Put the homework files beside what is collected anyway.

    Not as arguments of the command line: pytest would import them, and the conftest.py next to
    them, in its own process.
    """
    report = yield
    if isinstance(collector, pytest.Session) and collector.config.option.minigen_gradcheck:
        from .checks import homework

        report.result.extend(homework(collector))
    return report


# ---- points


def pytest_collection_modifyitems(items):
    """Refuse a marker that cannot be understood before anything runs."""
    for item in items:
        _worth(item)


def pytest_collection_finish(session):
    """Sum up what the tests are worth, so that those that -x leaves out count."""
    session.config.stash[selected] = sum(_worth(item) for item in session.items)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """A test that passes earns its points, a pair of a homework file may earn a part of them."""
    marked = item.get_closest_marker("gradcheck") is not None
    if marked and call.when == "teardown":
        item.user_properties += [(EARNED, item.stash.get(earned, 0)), (WORTH, _worth(item))]
    report = yield
    if marked and report.when == "call":
        part = getattr(item, "part_of_points", 0)
        item.stash[earned] = _worth(item) if report.passed else part
    return report


def pytest_terminal_summary(terminalreporter, config):
    """The line "gradcheck points: 12 of 20", if a test has points."""
    found = {}      # by test: one that is run again counts once
    for reports in terminalreporter.stats.values():
        for report in reports:
            properties = dict(getattr(report, "user_properties", ()))
            if WORTH in properties:
                found[report.nodeid] = properties[EARNED], properties[WORTH]
    have = sum(points for points, _ in found.values())
    # with pytest-xdist, the tests themselves are elsewhere
    worth = max(config.stash.get(selected, 0), sum(most for _, most in found.values()))
    if worth and not config.option.collectonly:
        terminalreporter.write_line(f"gradcheck points: {have:g} of {worth:g}")


def _worth(item):
    mark = item.get_closest_marker("gradcheck")
    if mark is None:
        return 0
    points = mark.kwargs.get("points", 1)
    known = not mark.args and mark.kwargs.keys() <= {"points"}
    if not (known and isinstance(points, int | float) and 0 <= points < math.inf):
        raise pytest.UsageError(
            f"{item.nodeid}: the marker gradcheck takes points, a number from 0, as in "
            "@pytest.mark.gradcheck(points=5)"
        )
    return points
