"""Going on with a run that was interrupted: which results of its document still hold.

Idea: a result depends on the file and on the conditions: versions, the checker's own source, seed,
settings, spec. Both are in the document as digests, and a result is taken over only if both are the
same; anything else is checked again.
Invariant: a result taken over is the one that a new check would give, up to seconds, as far as
digests can tell. They do not see what a homework reads while it runs (np.load), nor how busy the
machine was (a timeout stays a timeout).
Read next: docs/gradcheck-grading.md.
"""

import hashlib
import json
import re
from dataclasses import asdict
from pathlib import Path

from minigen.gradcheck import report_json
from minigen.gradcheck.report import Diagnosis, FileReport, Report

LARGEST, MOST = 1 << 24, 1000   # bytes and files of one homework that are worth reading
NO_DOCUMENT = (
    "{} is no document of minigen gradcheck --json: name another file, or leave out --resume, and "
    "it will be replaced"
)


def conditions(settings, spec, words):
    """A digest of all that a result depends on beside the file.

    settings: the checker's Settings; spec: path of the spec, or None; words: those of the command
    line, which stand in the document.
    """
    parts = [report_json.versions(), asdict(settings), list(words)]
    sources = sorted(Path(__file__).parent.rglob("*.py"))
    whole = hashlib.sha256(json.dumps(parts, default=str).encode())
    for path in [*sources, *([spec] if spec else [])]:
        whole.update(hashlib.sha256(Path(path).read_bytes()).digest())
    return whole.hexdigest()


def digest(path):
    """A digest of a homework file and of the neighbours that it names, as it must to import them,
    and that these name; None if one cannot be read, or they are too many to be homework."""
    homework = Path(path).resolve()
    words, contents, beside = {"__init__"}, {}, set()
    new, size = {homework, homework.parent}, 0
    seen = set(new)         # resolved: a link may lead back to where it is
    try:
        while new:
            for one in new:
                if one.is_dir():
                    beside.update(p for p in one.iterdir() if _importable(p))
                else:
                    size += one.stat().st_size
                    if size > LARGEST or len(seen) > MOST:
                        return None
                    contents[str(one)] = one.read_bytes()
                    words.update(re.findall(r"\w+", contents[str(one)].decode("utf-8", "replace")))
            new = {p.resolve() for p in beside if p.stem in words} - seen
            seen |= new
    except OSError:
        return None
    digests = [(name, hashlib.sha256(data).hexdigest()) for name, data in contents.items()]
    return hashlib.sha256(json.dumps(sorted(digests)).encode()).hexdigest()


def _importable(path):
    """A module or a package; no pipe, which would never end."""
    return path.is_dir() or (path.suffix == ".py" and path.is_file())


def earlier(path, wanted):
    """The finished results in the document at path: file -> FileReport; None if it was made under
    other conditions than `wanted`; none of them if there is no such file.

    Raises ValueError if the file is something else, which must not be overwritten.
    """
    try:
        document = json.loads(Path(path).read_bytes())
        if document["schema"] != report_json.SCHEMA:
            raise ValueError(path)
        if document.get("conditions") != wanted:
            return None
        finished = [file for file in document["files"] if file["sha256"]]
        return {file["file"]: _taken_over(file) for file in finished}
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from error
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(NO_DOCUMENT.format(path)) from error


def _taken_over(file):
    """A file's part of a document as a FileReport: what sums, tables and exit codes need."""
    pairs = [
        Report(
            pair["name"],
            pair["verdict"],
            diagnosis=[
                Diagnosis(one["kind"], one["argument"], one["confidence"], one["message"])
                for one in pair["diagnosis"]
            ],
            points=float(pair["points"]),
            max_points=float(pair["max_points"]),
        )
        for pair in file["pairs"]
    ]
    fields = {name: file[name] for name in ("file", "found", "message", "status", "limits")}
    return FileReport(**fields, pairs=pairs, sha256=file["sha256"], stored=file)
