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

LARGEST = 1 << 24       # bytes of a file that is worth reading; a larger one is checked again
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
    """A digest of a homework file and of the neighbours that it names, as it does to import them,
    and that these name; None if they cannot be read, or are too large to be homework."""
    try:
        beside = {p.stem: p for p in Path(path).resolve().parent.iterdir()
                  if p.suffix == ".py" or p.is_dir()}
        waiting, contents = [Path(path).resolve()], {}
        while waiting:
            one = waiting.pop()
            if one.is_dir():
                waiting += one.rglob("*.py")
            elif one.is_file() and one not in contents:     # a pipe would never end
                if one.stat().st_size > LARGEST:
                    return None
                contents[one] = one.read_bytes()
                words = set(re.findall(r"\w+", contents[one].decode("utf-8", "replace")))
                waiting += [beside[word] for word in words & beside.keys()]
    except OSError:
        return None
    if Path(path).resolve() not in contents:
        return None
    digests = {str(p): hashlib.sha256(data).hexdigest() for p, data in contents.items()}
    return hashlib.sha256(json.dumps(digests, sort_keys=True).encode()).hexdigest()


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
            diagnosis=[Diagnosis(**one) for one in pair["diagnosis"]],
            points=float(pair["points"]),
            max_points=float(pair["max_points"]),
        )
        for pair in file["pairs"]
    ]
    fields = {name: value for name, value in file.items() if name != "pairs"}
    return FileReport(**fields, pairs=pairs, stored=file)
