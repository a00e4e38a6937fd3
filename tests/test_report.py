"""report.html is one file, complete, well-formed, and made of text that cannot become markup."""

import base64
import json
import re
from html.parser import HTMLParser

import pytest
from small_run import DATA, Config

from minigen import draw
from minigen.train import About, Launch, Run

ABOUT = About(1, "X-01", "fr <tag>", "en & more", "minigen.models", "error", {"tiny": 0.5})
VOID = {"meta", "img"}


class Page(HTMLParser):
    """A page's texts, pictures and attributes; it fails on tags that are not closed in order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.texts, self.images, self.attributes = [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.attributes += attributes
        if tag == "img":
            self.images.append(dict(attributes))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.texts += [data.strip()] if data.strip() else []


def finished(tmp_path, value=0.25, log=True, figures=("samples", "training"), **settings):
    """The report's text of a run of three steps.   -> (text, Page, folder)"""
    launch = Launch(ABOUT, "tiny", tuple(settings), None, "minigen demo x")
    config = Config(out=str(tmp_path), launch=launch, **settings)
    with Run(config, "x") as run:
        for _ in run.batches(DATA, 10, 1):
            if log:
                run.log(loss=run.step + 1.0)
        for name in figures:
            run.figure(name, draw.scatter(DATA[:, :2]))
        run.report(error=value, other=1 / 3)
    text = (run.folder / "report.html").read_text(encoding="utf-8")
    return text, Page(text), run.folder


def test_report_says_what_was_asked_done_and_reached(tmp_path):
    _, page, folder = finished(tmp_path, lr=0.5, label="<b>&\"'", sizes=(3, 4))
    said = page.texts
    assert said.count("En & more, « fr <tag> »") == 2           # title and heading
    assert "settings changed (lr, label, sizes): no recorded reference to compare with" in said
    for name, value in (("error", "0.25"), ("other", "0.3333"), ("lr", "0.5"), ("seed", "0"),
                        ("sizes", "3,4"), ("label", "<b>&\"'"), ("batch", "8")):
        assert said[said.index(name) + 1] == value              # in the cell beside it
    assert "step size (changed)" in said
    assert "samples a step" in said
    command = "minigen demo x --preset tiny --device cpu --seed 0 --set lr=0.5 --set "
    assert any(text.startswith(command) for text in said)
    assert any(text.startswith("3 steps in ") for text in said)
    assert json.loads((folder / "report.json").read_text())["steps"] == 3


def test_report_is_one_file_that_loads_nothing(tmp_path):
    text, page, folder = finished(tmp_path)
    assert "<script" not in text
    assert "url(" not in text
    assert "@import" not in text
    for name, value in page.attributes:
        assert name not in ("href", "srcset", "style")
        assert not name.startswith("on")
        assert name != "src" or value.startswith("data:image/png;base64,")
    captions = [image["alt"] for image in page.images]
    assert captions == ["training", "samples"]
    for image, name in zip(page.images, ("training.png", "samples.png"), strict=True):
        assert base64.b64decode(image["src"].partition(",")[2]) == (folder / name).read_bytes()
        assert int(image["width"]) > 100


def test_report_plays_animations(tmp_path):
    with Run(Config(out=str(tmp_path)), "moving") as run:
        run.figure("steps_of-it", draw.animation(draw.scatter(x[:, :2]) for x in (DATA, -DATA)))
        run.report()
    (image,) = Page((run.folder / "report.html").read_text(encoding="utf-8")).images
    kind, _, data = image["src"].partition(",")
    assert (kind, image["alt"]) == ("data:image/gif;base64", "steps of it")
    assert base64.b64decode(data) == (run.folder / "steps_of-it.gif").read_bytes()


def test_report_draws_the_curves_that_the_demo_did_not(tmp_path):
    _, page, _ = finished(tmp_path, figures=())
    assert [image["alt"] for image in page.images] == ["what was logged in each step"]
    _, page, _ = finished(tmp_path, figures=(), log=False)
    assert page.images == []
    assert "Figures" not in page.texts                          # no heading over nothing
    assert "Training" in page.texts


@pytest.mark.parametrize(("value", "kind"), [(0.5, "verdict reached"), (0.6, "verdict missed")])
def test_report_shows_whether_the_bar_was_reached(tmp_path, value, kind):
    _, page, _ = finished(tmp_path, value)
    assert ("class", kind) in page.attributes


def test_report_of_a_loop_left_early_has_all_its_steps(tmp_path):
    with Run(Config(out=str(tmp_path)), "early") as run:
        for _ in run.batches(DATA, 10, 50):
            run.log(loss=1.0)
            if run.step == 4:
                break
        run.report()
        assert len((run.folder / "metrics.jsonl").read_text().splitlines()) == 4


def test_report_of_a_script_and_of_a_run_without_a_loop(tmp_path):
    with Run(Config(out=str(tmp_path), label="x" * 300), "own") as run:
        run.report(error=1.0)
    text = (run.folder / "report.html").read_text(encoding="utf-8")
    page = Page(text)
    assert "own" in page.texts
    assert "Time" in page.texts                                 # nothing was trained
    assert ("class", "verdict") in page.attributes
    assert "<code>" not in text
    assert any(re.match(r"0 s on cpu: ", text) for text in page.texts)
