"""Each row of the course has its module, tests, a demo and a recorded result, or is named here.

The rows and items are those of the course's table of systems. MISSING is the one place that says
what is not there; what it says is asserted too, so it cannot stay when a thing has come.
"""

import importlib.util
import re
from pathlib import Path

import pytest

from minigen import demos
from minigen.cli import bars
from minigen.cli.demo import load

TESTS = Path(__file__).parent
CLASSICAL = "minigen.models.classical"
CODERS = "minigen.models.autoencoders"

ROWS = {    # row: (item, module, its tests)
    1: ("C-01", f"{CLASSICAL}.supervised", "test_classical_supervised.py"),
    2: ("C-02", f"{CLASSICAL}.selection", "test_classical_selection.py"),
    3: ("C-03", f"{CLASSICAL}.pca", "test_classical_pca.py"),
    4: ("C-03", f"{CLASSICAL}.pca", "test_classical_pca.py"),               # whitening
    5: ("C-03", f"{CLASSICAL}.pca", "test_classical_pca.py"),               # eigenfaces
    6: ("C-04", f"{CLASSICAL}.kmeans", "test_classical_kmeans.py"),
    7: ("C-04", f"{CLASSICAL}.kmeans", "test_classical_kmeans.py"),         # k-means++
    8: ("C-04", f"{CLASSICAL}.kmeans", "test_classical_kmeans.py"),         # mini-batch
    9: ("C-04", f"{CLASSICAL}.workers", "test_classical_kmeans.py"),        # distributed
    10: ("C-05", f"{CLASSICAL}.mixture", "test_classical_mixture.py"),
    11: ("C-06", f"{CLASSICAL}.kde", "test_classical_kde.py"),
    12: ("C-07", f"{CLASSICAL}.high_dimension", "test_classical_high_dimension.py"),
    13: ("C-08", f"{CLASSICAL}.high_dimension", "test_classical_high_dimension.py"),
    14: ("C-09", "minigen.metrics.retrieval", "test_metrics.py"),
    15: ("C-10", f"{CLASSICAL}.tsne", "test_classical_tsne.py"),
    16: ("C-11", f"{CLASSICAL}.mds", "test_classical_manifold.py"),
    17: ("C-12", f"{CLASSICAL}.isomap", "test_classical_manifold.py"),
    18: ("C-12", f"{CLASSICAL}.lle", "test_classical_manifold.py"),
    19: ("C-13", "minigen.metrics.clustering", "test_metrics.py"),
    20: ("C-14", f"{CLASSICAL}.shift", "test_classical_shift.py"),
    21: ("C-15", f"{CLASSICAL}.power_law", "test_classical_power_law.py"),
    22: ("C-16", f"{CLASSICAL}.markov_chain", "test_classical_markov.py"),
    23: ("A-01", f"{CODERS}.mlp", "test_models.py"),
    24: ("A-02", f"{CODERS}.linear", "test_autoencoders_linear.py"),
    25: ("A-03", f"{CODERS}.mlp", "test_models.py"),                        # beyond PCA
    26: ("A-04", f"{CODERS}.overcomplete", "test_autoencoders_capacity.py"),
    27: ("A-05", f"{CODERS}.memoriser", "test_autoencoders_capacity.py"),
    28: ("A-06", "minigen.metrics.dimension", "test_autoencoders_capacity.py"),
    29: ("A-07", f"{CODERS}.conv", "test_models.py"),
    30: ("A-08", f"{CODERS}.unet", "test_autoencoders_unet.py"),
    31: ("A-09", f"{CODERS}.sparse", "test_autoencoders_sparse.py"),
    32: ("A-10", f"{CODERS}.hashing", "test_autoencoders_sparse.py"),
    33: ("A-11", f"{CODERS}.denoising", "test_autoencoders_denoising.py"),
    34: ("A-12", f"{CODERS}.speech_denoising", "test_autoencoders_speech.py"),
    35: ("A-13", f"{CODERS}.inpainting", "test_autoencoders_inpainting.py"),
    36: ("A-14", f"{CODERS}.context_encoder", "test_autoencoders_inpainting.py"),
    37: ("A-15", f"{CODERS}.anomaly_detection", "test_autoencoders_anomaly.py"),
    38: ("A-16", f"{CODERS}.transfer", "test_autoencoders_transfer.py"),
    39: ("A-17", "minigen.models.backbones.alexnet", "test_autoencoders_transfer.py"),
    40: ("A-18", f"{CODERS}.compression", "test_autoencoders_anomaly.py"),
    118: ("11-2", "minigen.data.remote", "test_data_cifar.py"),
    119: ("11-1", "minigen.data.generators", "test_data.py"),
}
WITHOUT_DEMO = {19, 118}    # the course asks for none, and a demo is what records a result
MISSING: dict[int, set[str]] = {}        # row: what it has not


def rows_of(about):
    return {about.row} if isinstance(about.row, int) else set(about.row)


def uses(text, module):
    """Whether a file of tests imports the module, or the package that shows its names."""
    above, _, package = module.rpartition(".")[0].rpartition(".")
    imports = (rf"from {module} import", rf"from {above}.{package} import",
               rf"from {above} import .*\b{package}\b")
    return "\ndef test_" in text and any(re.search(f"^{words}", text, re.M) for words in imports)


def lacking(row):
    """What the row has not: of "module", "tests", "demo", "recorded result"."""
    item, module, tests = ROWS[row]
    lacks = set()
    if importlib.util.find_spec(module) is None:
        lacks.add("module")
    file = TESTS / tests
    if not file.is_file() or not uses(file.read_text(encoding="utf-8"), module):
        lacks.add("tests")
    abouts = {demo: load(demo).ABOUT for demo in demos.names()}
    shown = [demo for demo, about in abouts.items() if row in rows_of(about)]
    assert all(abouts[demo].item == item for demo in shown), shown
    if row not in WITHOUT_DEMO:
        if not shown:
            lacks.add("demo")
        if not any("tiny" in demos.recorded(demo) for demo in shown):
            lacks.add("recorded result")
    return lacks


@pytest.mark.parametrize("row", ROWS)
def test_a_row_has_all_that_is_not_named_as_missing(row):
    assert lacking(row) == MISSING.get(row, set())


def test_the_rows_are_those_of_the_chapters_and_of_the_data():
    assert list(ROWS) == [*range(1, 41), 118, 119]
    assert set(MISSING) | WITHOUT_DEMO <= set(ROWS)


CHAPTERS = ("classical", "autoencoders")


def page(chapter):
    return (Path(demos.__file__).parent / chapter / "README.md").read_text(encoding="utf-8")


def abouts_of(chapter):
    return {name: load(name).ABOUT for name, path in demos.names().items()
            if path.split(".")[-2] == chapter}


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_the_chapter_page_has_the_bars_as_recorded(chapter):
    head, rule, *now = bars.markdown(abouts_of(chapter), demos.recorded).splitlines()
    _, _, table = page(chapter).partition(f"{head}\n{rule}\n")
    assert sorted(table.partition("\n\n")[0].splitlines()) == sorted(now)


def says(text, value):
    """Whether one of the numbers in the text is the value, or 100 times it, as far as written."""
    for number in re.findall(r"\d+(?:\.\d+)?(?:e-?\d+)?", text):
        digits = len(re.sub(r"e.*|\.", "", number).lstrip("0")) or 1
        if any(float(f"{v:.{digits}g}") == float(number) for v in (value, 100 * value)):
            return True
    return False


def test_a_number_in_a_sentence_is_compared_as_far_as_it_is_written():
    assert says("within 2.7e-15", 2.655e-15) and says("gains 57 points", 0.5703)
    assert says("1.0000 times", 1.0) and says("0.580", 0.57993)
    assert not says("0.581", 0.57993) and not says("57 points", 0.5603)


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_the_chapter_page_tells_each_demo_with_its_recorded_number_and_picture(chapter):
    entries = re.split(r"\n- ", page(chapter).partition("\n## Bars")[0])[1:]
    told = {}
    for entry in entries:
        name = re.search(r"`minigen\s+demo\s+([a-z-]+)`", entry)[1]
        told[name] = entry
        assert says(entry, demos.recorded(name)["tiny"]["value"]), name
        for picture in re.findall(r"\]\((.+)\)", entry):
            assert (Path(demos.__file__).parent / chapter / picture).is_file(), picture
    assert set(told) == set(abouts_of(chapter))
