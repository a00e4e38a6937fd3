"""report.html: what a run was, did and reached, on one page that can be handed in.

Idea: one file. Pictures are in it, there is no script, and nothing is loaded from elsewhere: it
reads the same on any machine, in ten years, and on paper. Everything that was named or typed by
somebody is escaped.
Read next: run.py (`Run.report`, which writes it), verdict.py (its first line).
"""

import base64
import json
import platform
from datetime import date
from html import escape
from io import BytesIO

import numpy

from minigen import draw
from minigen.train.demo import as_typed
from minigen.train.files import replacing
from minigen.train.settings import settings

PICTURES = {".png": "image/png", ".gif": "image/gif"}

STYLE = """
body { max-width: 46rem; margin: 2rem auto; padding: 0 1rem; color: #1f2430;
       font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; line-height: 1.25; margin-bottom: 0.25rem; }
h2 { font-size: 1.1rem; margin-top: 2rem; border-bottom: 1px solid #e6e8ec; }
.verdict { padding: 0.5rem 0.75rem; border-left: 4px solid #7a808c; background: #f6f7f9; }
.reached { border-color: #1a7f37; } .missed { border-color: #cf222e; }
table { border-collapse: collapse; font-size: 0.9rem; }
td { text-align: left; vertical-align: top; padding: 0.2rem 1rem 0.2rem 0; }
tr + tr { border-top: 1px solid #e6e8ec; }
td { min-width: 4.5rem; overflow-wrap: break-word; max-width: 20rem; }
td.number { font-variant-numeric: tabular-nums; }
figure { margin: 1rem 0; break-inside: avoid; } img { max-width: 100%; height: auto; }
figcaption { color: #5c6370; font-size: 0.9rem; }
code { font-size: 0.85rem; overflow-wrap: anywhere; }
@media print { body { margin: 0; max-width: none; font-size: 11pt; }
               h2 { break-after: avoid; } tr { break-inside: avoid; } }
"""


def write(folder, config, facts, verdict):
    """Write report.html into the run's folder, from what is in it and what is given.   -> its path

    config: the run's Demo; facts: what report.json holds; verdict: its line.
    """
    about = config.launch.about if config.launch else None
    title = f"{about.en[0].upper()}{about.en[1:]}, « {about.fr} »" if about else facts["demo"]
    page = [
        _tag("h1", title),
        _tag("p", _subtitle(facts)),
        _verdict(verdict),
        _section("Result", _table(_results(facts["metrics"]), "number")),
        _section("Training" if facts["steps"] else "Time", _training(folder, facts)),
        _section("Figures", "".join(_figures(folder))),
        _section("Settings", _settings(config, facts)),
        _section("How to make it again", _again(config, facts)),
    ]
    head = f'<meta charset="utf-8">{_tag("title", title)}<style>{STYLE}</style>'
    head += '<meta name="viewport" content="width=device-width">'
    text = "".join(['<!DOCTYPE html>\n<html lang="en"><head>', head, "</head>\n<body>\n", *page,
                    "</body></html>\n"])
    path = folder / "report.html"
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return path


def _subtitle(facts):
    preset = f", preset {facts['preset']}" if facts["preset"] else ""
    return f"A run of {facts['demo']}{preset}, seed {facts['seed']}; {date.today().isoformat()}."


def _verdict(line):
    """The verdict's line, green or red where there was a bar to reach."""
    kind = {"✓": " reached", "✗": " missed"}.get(line[0], "")
    return f'<p class="verdict{kind}">{escape(line)}</p>\n'


def _results(metrics):
    return [(name, f"{value:.4g}") for name, value in metrics.items()]


def _training(folder, facts):
    """How long it took and on what, and the curves, unless a figure of the demo shows them."""
    steps = f"{facts['steps']} steps in " if facts["steps"] else ""
    ranks = f", by {facts['processes']} processes" if facts["processes"] > 1 else ""
    words = _tag("p", f"{steps}{facts['seconds']:.0f} s on {facts['hardware']}{ranks}.")
    history = folder / "metrics.jsonl"
    if (folder / "training.png").exists():
        return words + _picture("training", (folder / "training.png").read_bytes())
    lines = history.read_text(encoding="utf-8").splitlines() if history.exists() else []
    if not any(len(json.loads(line)) > 1 for line in lines):    # nothing but step numbers
        return words
    stream = BytesIO()
    draw.curves(history).savefig(stream, format="png")
    return words + _picture("what was logged in each step", stream.getvalue())


def _figures(folder):
    """The run's pictures, in the order in which they were last drawn."""
    paths = [p for p in folder.iterdir() if p.suffix in PICTURES and p.name != "training.png"]
    for path in sorted(paths, key=lambda p: (p.stat().st_mtime_ns, p.name)):
        caption = path.stem.replace("-", " ").replace("_", " ")
        yield _picture(caption, path.read_bytes(), PICTURES[path.suffix])


def _settings(config, facts):
    """A table of all settings, with their comments; what differs from the preset is marked."""
    rows = []
    for setting in settings(type(config)).values():
        changed = setting.name in facts["changed"]
        rows.append((setting.name, as_typed(getattr(config, setting.name)),
                     setting.comment + " (changed)" * changed))
    rows += [("seed", as_typed(config.seed), ""), ("device", config.device, "")]
    if config.data is not None:
        rows.append(("data", config.data, "your own, in place of the built-in data"))
    return _table(rows)


def _again(config, facts):
    """The command, where there is one, and the versions that decide the numbers."""
    command = config.command()
    words = _tag("p", f"minigen {facts['minigen']}, NumPy {numpy.__version__}, Python "
                      f"{platform.python_version()} on {platform.system()}.")
    return (f"<p><code>{escape(command)}</code></p>\n" if command else "") + words


def _picture(caption, data, kind="image/png"):
    """A picture that is in the page. A PNG has two pixels for each of the page, see draw."""
    size = f' width="{int.from_bytes(data[16:20]) // 2}"' if kind == "image/png" else ""
    source = f"data:{kind};base64,{base64.b64encode(data).decode()}"
    image = f'<img src="{source}"{size} alt="{escape(caption)}">'
    return f"<figure>{image}<figcaption>{escape(caption)}</figcaption></figure>\n"


def _table(rows, kind=""):
    """Rows of texts; cells after the first have the class."""
    body = ""
    for first, *others in rows:
        cells = "".join(f'<td class="{kind}">{escape(cell)}</td>' for cell in others)
        body += f"<tr><td>{escape(first)}</td>{cells}</tr>\n"
    return f"<table>\n{body}</table>\n"


def _section(title, content):
    """A heading and what stands under it; nothing, if that is nothing."""
    return f"{_tag('h2', title)}{content}" if content else ""


def _tag(name, text):
    return f"<{name}>{escape(text)}</{name}>\n"
