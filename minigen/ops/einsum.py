"""Einstein's sums: any product of tensors, written with one letter per dimension.

Idea: "bij,bjk->bik" says it all: a letter in the output stays, one that is not there is summed. Two
operands at a time are contracted, and a contraction is one product of stacks of matrices,

    letters of both, kept -> stack       of the first alone -> rows
    of both, summed -> inner             of the second alone -> columns

reached by permuting and reshaping, as views wherever memory allows. What there is to do depends on
the equation and the shapes alone: `_plan` works it out once, and it is remembered.
Read next: linalg.py (matmul).
"""

import math
from functools import lru_cache
from itertools import combinations
from typing import NamedTuple

from minigen.backend import array_module
from minigen.errors import check_tensors
from minigen.ops._define import composite, primitive
from minigen.ops.elementwise import cast
from minigen.ops.linalg import matmul
from minigen.ops.reduce import sum
from minigen.ops.shape import _permute, _reshape


class Alone(NamedTuple):
    """What is done to one operand first."""

    diagonals: tuple  # pairs of dims made one, one after another
    shape: tuple | None  # without the sizes 1 that are repeated by another operand
    summed: tuple  # dims of letters that nobody else has


class Pair(NamedTuple):
    """One contraction: operands i and j leave the list, the result joins it at the end."""

    i: int
    j: int
    first: tuple  # (dims, shape) to permute and reshape operand i to; None where it is so already
    second: tuple
    inner: bool  # whether anything is summed: a matrix product, else an elementwise one
    shape: tuple | None  # of the result, with rows and columns apart


class Plan(NamedTuple):
    """An equation for operands of given shapes."""

    alone: tuple
    pairs: tuple
    last: tuple | None  # the order of the result's dimensions


@composite
def einsum(equation, *operands):
    """Products of elements, summed over the letters that the output lacks.

        einsum("ij,jk->ik", a, b)     y[i, k] = Σ_j a[i, j]·b[j, k]         the matrix product
        einsum("...ii->...i", a)      a letter twice in one operand: its diagonal
        einsum("ij,kj", a, b)         without ->: what occurs once, in the alphabet's order

    "..." stands for any dimensions, which broadcast; sizes of one letter agree, or are 1. Three or
    more operands are contracted in pairs, the cheapest first. ValueError for a malformed equation
    or for sizes that differ, with the letter; TypeError if the dtypes differ.
    """
    if len(operands) == 1 and isinstance(operands[0], (tuple, list)):
        operands = tuple(operands[0])
    if not isinstance(equation, str):
        given = "a tensor" if hasattr(equation, "dtype") else repr(equation)
        raise TypeError(
            f'einsum: the equation comes first, as text such as "ij,jk->ik", not {given}'
        )
    check_tensors("einsum", *operands)
    if len(dtypes := {x.dtype: None for x in operands}) > 1:
        names = " and ".join(map(str, dtypes))
        raise TypeError(f"einsum: dtypes {names} differ; cast one with .to()")
    plan = _plan(equation, tuple([tuple(x.shape) for x in operands]))
    left = [_prepared(x, *todo) for x, todo in zip(operands, plan.alone, strict=True)]
    for i, j, first, second, inner, shape in plan.pairs:
        a, b = _arranged(left[i], *first), _arranged(left[j], *second)
        y = matmul(a, b) if inner else a * b
        left = [x for k, x in enumerate(left) if k not in (i, j)]
        left.append(y if shape is None else _reshape(y, shape))
    return _arranged(left[0], plan.last, None)


def _prepared(x, diagonals, shape, summed):
    for dims in diagonals:
        x = _diagonal(x, dims)
    x = _arranged(x, None, shape)
    if not summed:
        return x
    return sum(x, summed) if x.dtype.kind in "fV" else cast(sum(x, summed), x.dtype)


def _arranged(x, dims, shape):
    x = x if dims is None else _permute(x, dims)
    return x if shape is None else _reshape(x, shape)


# ---- the diagonal of two dimensions, and its adjoint


@primitive(lambda g, x_shape, dims: _placed(g, dims, x_shape))
def _diagonal(x, dims):
    """Two dims of one size made one, the last: y[..., i] = x[..., i, ..., i, ...]."""
    return x.diagonal(0, *dims)


@primitive(lambda g, dims: _diagonal(g, dims))
def _placed(g, dims, shape):
    """Zeros of a shape, with g on the diagonal of two dims."""
    size = g.shape[-1]
    y = array_module(g).zeros((*g.shape[:-1], size * size), g.dtype)
    y[..., :: size + 1] = g
    order = [*[d for d in range(len(shape)) if d not in dims], *dims]
    back = sorted(range(len(shape)), key=order.__getitem__)
    return y.reshape(*g.shape[:-1], size, size).transpose(back)


# ---- from the equation to the plan


@lru_cache(1024)
def _plan(equation, shapes):
    """The Plan of an equation for operands of these shapes. ValueError if they do not fit."""
    terms, output = _read(equation, shapes)
    sizes = _sizes(equation, terms, shapes)
    views = [_view(term, shape, sizes) for term, shape in zip(terms, shapes, strict=True)]
    alone, left = [], []
    for k, (term, diagonals, shape) in enumerate(views):
        others = {*output}.union(*[view[0] for view in views[:k] + views[k + 1 :]])
        summed = tuple(d for d, letter in enumerate(term) if letter not in others)
        alone.append(Alone(diagonals, shape, summed))
        left.append([letter for letter in term if letter in others])
    pairs = []
    while len(left) > 1:
        i, j = _cheapest(left, sizes)
        rest = [term for k, term in enumerate(left) if k not in (i, j)]
        kept = {*output}.union(*rest)
        pair, term = _pair(i, j, left[i], left[j], kept, None if rest else output, sizes)
        pairs.append(pair)
        left = [*rest, term]
    return Plan(tuple(alone), tuple(pairs), _order(left[0], output))


def _order(term, wanted):
    """The dims that permute a term to the wanted letters; None if it is so already."""
    dims = tuple(term.index(letter) for letter in wanted)
    return None if dims == tuple(range(len(term))) else dims


def _view(term, shape, sizes):
    """Each letter once, sizes 1 that others repeat left out: (term, diagonals, new shape)."""
    diagonals = []
    while len({*term}) < len(term):
        second = next(d for d, letter in enumerate(term) if letter in term[:d])
        pair = (term.index(term[second]), second)
        diagonals.append(pair)
        rest = [d for d in range(len(term)) if d not in pair] + [second]
        term, shape = [term[d] for d in rest], [shape[d] for d in rest]
    kept = [d for d, letter in enumerate(term) if shape[d] == sizes[letter]]
    narrow = None if len(kept) == len(term) else tuple(shape[d] for d in kept)
    return [term[d] for d in kept], tuple(diagonals), narrow


def _cheapest(terms, sizes):
    """The positions i < j of the two terms whose contraction takes the fewest products."""
    return min(
        combinations(range(len(terms)), 2),
        key=lambda pair: math.prod(sizes[t] for t in {*terms[pair[0]], *terms[pair[1]]}),
    )


def _pair(i, j, a, b, kept, output, sizes):
    """The contraction of terms a and b, as `Pair`, and the letters of its result."""
    rows, columns = [t for t in a if t not in b], [t for t in b if t not in a]
    wanted = output if output is not None else [*[t for t in a if t in b], *rows, *columns]
    stack = [t for t in wanted if t in a and t in b and t in kept]
    larger = max(a, b, key=lambda term: _count(term, sizes))
    inner = [t for t in larger if t in a and t in b and t not in kept]
    if not inner:
        result = [t for t in wanted if t in kept]
        return Pair(i, j, *(_spread(t, result, sizes) for t in (a, b)), False, None), result
    if rows and columns and wanted.index(rows[0]) > wanted.index(columns[0]):
        return _pair(j, i, b, a, kept, output, sizes)  # (A·B)ᵀ = Bᵀ·Aᵀ: the output's order at once
    first = _matrices(a, stack, rows, inner, sizes)
    second = _matrices(b, stack, inner, columns, sizes)
    result = stack + rows + columns
    shape = None if len(rows) == len(columns) == 1 else tuple(sizes[t] for t in result)
    return Pair(i, j, first, second, True, shape), result


def _count(letters, sizes):
    return math.prod(sizes[t] for t in letters)


def _matrices(term, stack, rows, columns, sizes):
    """(dims, shape) that make a term a stack of matrices."""
    shape = (*[sizes[t] for t in stack], _count(rows, sizes), _count(columns, sizes))
    merged = not len(rows) == len(columns) == 1
    return _order(term, stack + rows + columns), shape if merged else None


def _spread(term, result, sizes):
    """(dims, shape) that make a term broadcast to the letters of a result."""
    shape = tuple(sizes[t] if t in term else 1 for t in result)
    return _order(term, [t for t in result if t in term]), shape if len(term) < len(shape) else None


def _read(equation, shapes):
    """The letters of each operand and of the output, as lists; "..." as numbers -1, -2 ..."""
    inputs, arrow, output = equation.replace(" ", "").partition("->")
    for c in inputs + output.replace(",", "-"):
        if not (c in ",." or (c.isascii() and c.isalpha())):
            raise _malformed(equation, f"{c!r} has no place there: letters, commas, ... and one ->")
    parts = inputs.split(",")
    if len(parts) != len(shapes):
        raise _malformed(equation, f"it names {len(parts)} operands, {len(shapes)} given")
    terms = []
    for k, (part, shape) in enumerate(zip(parts, shapes, strict=True)):
        before, dots, after = _around_dots(equation, part)
        named = len(before + after)
        if len(shape) < named or (len(shape) > named and not dots):
            raise _malformed(
                equation,
                f"{part!r} names {named} dimensions, operand {k} {shape} has {len(shape)}"
                + "; ... stands for the others" * (len(shape) > named),
            )
        terms.append([*before, *range(named - len(shape), 0), *after])
    anything = list(range(min([0, *[t for term in terms for t in term if t.__class__ is int]]), 0))
    if not arrow:
        return terms, anything + sorted(c for c in {*inputs} - {*",."} if inputs.count(c) == 1)
    before, dots, after = _around_dots(equation, output)
    for c in before + after:
        if c not in inputs:
            raise _malformed(equation, f"{c} of the output is in no operand")
        if output.count(c) > 1:
            raise _malformed(
                equation, f"{c} is twice in the output; a diagonal matrix is no sum of products"
            )
    return terms, [*before, *(anything if dots else ()), *after]


def _around_dots(equation, part):
    before, dots, after = part.partition("...")
    if "." in before + after:
        raise _malformed(equation, f"{part!r} may have three dots, once")
    return before, dots, after


def _malformed(equation, why):
    return ValueError(f"einsum: equation {equation!r}: {why}")


def _sizes(equation, terms, shapes):
    """The size of every letter. ValueError where two operands, or dimensions, differ."""
    sizes, owner = {}, {}
    for k, (term, shape) in enumerate(zip(terms, shapes, strict=True)):
        own = {}
        for letter, size in zip(term, shape, strict=True):
            if own.setdefault(letter, size) != size:
                raise _malformed(
                    equation,
                    f"{letter} stands for the diagonal of operand {k} {shape}, but its sizes "
                    f"{own[letter]} and {size} differ",
                )
            known = sizes.get(letter, 1)
            if known == 1:
                sizes[letter], owner[letter] = size, k
            elif size not in (1, known):
                first = owner[letter]
                raise _malformed(
                    equation,
                    f"{letter if isinstance(letter, str) else '...'} has size {known} in operand "
                    f"{first} {shapes[first]} and {size} in operand {k} {shape}; sizes must agree, "
                    "or be 1",
                )
    return sizes
