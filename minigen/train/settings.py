"""A config's fields as text: their comments, and values typed on a command line.

Idea: the dataclass is the only place that says what can be set. The comment after a field is its
help, its annotation parses its value.
Read next: demo.py, ../cli/demo.py (which shows and fills them).
"""

import difflib
import inspect
import io
import textwrap
import tokenize
import types
import typing
from dataclasses import dataclass, fields

from minigen.train.demo import Demo, UsageError


@dataclass(frozen=True)
class Setting:
    """One field of a config."""

    name: str
    type: object        # its annotation
    default: object
    comment: str        # what stands behind it in the source


def settings(config_class):
    """The fields that a demo's config adds to `Demo`, in order, as {name: Setting}."""
    common = {f.name for f in fields(Demo)}
    hints = typing.get_type_hints(config_class)
    comments = field_comments(config_class)
    return {
        f.name: Setting(f.name, hints[f.name], f.default, comments.get(f.name, ""))
        for f in fields(config_class)
        if f.name not in common
    }


def field_comments(config_class):
    """{field: the comment on its line}, read from the source of the dataclass."""
    source = textwrap.dedent(inspect.getsource(config_class))
    comments, name, depth, line_start = {}, None, 0, True
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.INDENT:
            depth += 1
        elif token.type == tokenize.DEDENT:
            depth -= 1
        elif token.type == tokenize.NAME and line_start and depth == 1:
            name = token.string
        elif token.type == tokenize.COMMENT and name is not None:
            comments[name] = token.string.lstrip("# ")
        if token.type == tokenize.NEWLINE:
            name = None
        line_start = token.type in (tokenize.NEWLINE, tokenize.NL, tokenize.INDENT, tokenize.DEDENT)
    return comments


def parse(config_class, text):
    """One `name=value` of --set -> (name, value), the value of the field's type.

    Raises UsageError for a name that is no setting (and says the nearest one) and for a value that
    the field's type cannot hold.
    """
    name, equals, value = text.partition("=")
    name, known = name.strip(), settings(config_class)
    if not equals:
        raise UsageError(f"--set {text}: write it as name=value")
    if name in (f.name for f in fields(Demo)):
        raise UsageError(f"--set {text}: {name} has an option of its own, --{name} VALUE")
    if name not in known:
        raise UsageError(f"--set {text}: no setting {name!r}{nearest(name, known)}")
    try:
        parsed = _value(known[name].type, value.strip())
    except ValueError:
        kind = type_name(known[name].type)
        raise UsageError(f"--set {text}: {value!r} is not {kind}, as {name} has to be") from None
    _check_least(text, known[name], parsed)
    return name, parsed


def restore(config_class, values):
    """Settings read from JSON, as the fields have them: its lists become tuples again.

    Raises UsageError if they are not the settings of this class.
    """
    if set(values) != set(settings(config_class)):
        differ = ", ".join(sorted(set(values) ^ set(settings(config_class))))
        raise UsageError(f"the run is of another version of this demo: {differ} differ")
    return {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}


def _check_least(text, setting, value):
    """Refuse negative numbers, and 0 for a count: a whole number whose default is not 0."""
    numbers = value if isinstance(value, tuple) else (value,)
    for number in numbers:
        if type(number) in (int, float):
            least = int(type(number) is int and setting.default != 0)
            if not least <= number < float("inf"):
                raise UsageError(f"--set {text}: {setting.name} must be at least {least}")


def nearest(name, known):
    """The end of an error about an unknown name: the closest known one, then all of them."""
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    guess = f"; did you mean {close[0]!r}?" if close else ""
    return f"{guess} ({', '.join(known)})"


def type_name(annotation):
    """A field's type in words."""
    if isinstance(annotation, types.UnionType):
        options = [o for o in typing.get_args(annotation) if o is not types.NoneType]
        return " or ".join(map(type_name, options)) + " or none"
    if typing.get_origin(annotation) is tuple:
        (item, *_) = typing.get_args(annotation)
        return {int: "whole numbers", float: "numbers"}.get(item, "texts") + " with commas between"
    words = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}
    return words[annotation]


def _value(annotation, text):
    """text as a value of the annotation; ValueError where it is none."""
    if isinstance(annotation, types.UnionType):
        if text.lower() == "none":
            return None
        annotation = next(o for o in typing.get_args(annotation) if o is not types.NoneType)
    if typing.get_origin(annotation) is tuple:
        item = typing.get_args(annotation)[0]
        return tuple(_value(item, part.strip()) for part in text.split(","))
    if annotation is bool:
        if text.lower() not in ("true", "false"):
            raise ValueError(text)
        return text.lower() == "true"
    return annotation(text)
