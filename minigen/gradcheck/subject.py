"""One pair at one point: the homework as a function of its differentiable arrays, and its claims.

Idea: the numeric core (numeric.py) knows arrays only. A `Subject` stands between it and a session
(child/session.py: here or in another process), and turns nested arguments into a flat list of
differentiable leaves and back.
Read next: values.py (values compared), structure.py (behaviour looked at).
"""

from dataclasses import dataclass

import numpy as np

from minigen.gradcheck.beside import nudged
from minigen.gradcheck.child import trees
from minigen.gradcheck.child.session import StudentError
from minigen.gradcheck.child.trees import is_float, is_float_array
from minigen.gradcheck.slopes import stream


@dataclass
class Leaf:
    """A floating array (or number) somewhere among the arguments."""

    path: tuple         # into the tuple of arguments: (0,), (1, "W")
    label: str          # as a student writes it: x, params['W']
    value: object


@dataclass
class Run:
    """A forward that was kept for a backward."""

    number: int
    outputs: object     # nested


class Subject:
    """One pair with inputs.

    session: a Session or Process; name: the pair's; arguments: names of forward's arguments;
    inputs: tuple of arguments.
    """

    def __init__(self, session, name, arguments, inputs):
        self.session, self.name = session, name
        self.arguments, self.inputs = list(arguments), tuple(inputs)
        self.calls = 0          # of forward
        self.inner_calls = 0    # of forward, from inside a backward

    def nudged(self, seed):
        """The same pair with its floating arguments moved off kinks: see `nudged` in beside.py."""
        rng = stream(seed, "nudge")
        inputs = trees.rebuilt(
            self.inputs, lambda _, x: nudged(x, rng) if is_float_array(x) else x
        )
        return Subject(self.session, self.name, self.arguments, inputs)

    def floats(self):
        """The floating arrays among the arguments: a list of Leaf."""
        return [
            Leaf(path, trees.label(path, self.arguments), value)
            for path, value in trees.leaves(self.inputs)
            if is_float_array(value)
        ]

    def run(self, inputs=None, readonly=False):
        """Forward, kept for a backward."""
        self.calls += 1
        inputs = self.inputs if inputs is None else inputs
        answer = self.session.forward(self.name, inputs, keep=True, readonly=readonly)
        return Run(answer["run"], answer["outputs"])

    def backward(self, run, upstream, readonly=False):
        """The gradients as the student returns them, nested; and what shares memory."""
        answer = self.session.backward(run.number, upstream, readonly=readonly)
        self.inner_calls = max(self.inner_calls, answer["forward_calls"] or 0)
        return answer["gradients"], answer["shares"]

    def look(self, run):
        """The run's inputs, outputs, upstream and cache as they are now."""
        return self.session.look(run.number)

    def forget(self, run):
        """Free what the session holds for the run."""
        self.session.forget(run.number)

    def upstream(self, outputs, seed):
        """A random normal upstream gradient, nested like the outputs; zeros for integer ones."""
        rng = stream(seed, "upstream")

        def drawn(path, y):
            if isinstance(y, np.ndarray):
                v = np.asarray(rng.standard_normal(y.shape))
                return v.astype(y.dtype) if is_float_array(y) else np.zeros(y.shape)
            if isinstance(y, np.floating):
                return y.dtype.type(rng.standard_normal())
            return float(rng.standard_normal()) if isinstance(y, float) else None

        return trees.rebuilt(outputs, drawn)

    def replaced(self, leaves, values):
        """The inputs with the leaves' values replaced."""
        new = {leaf.path: value for leaf, value in zip(leaves, values, strict=True)}
        return trees.rebuilt(self.inputs, lambda path, leaf: new.get(path, leaf))

    def function(self, leaves):
        """Forward as a `Function` of these leaves alone."""
        return Function(self, leaves)


class Function:
    """f(*arrays) -> tuple of the floating outputs, and many points near one place at once.

    Where forward raises, or returns other shapes than at first, it is not defined: NaN.
    """

    def __init__(self, subject, leaves):
        self.subject, self.leaves = subject, leaves
        self.place = None       # the arrays last moved, and the session's number for them
        self.shapes = None      # of the floating outputs, set by the first call

    def __call__(self, *arrays):
        subject = self.subject
        subject.calls += 1
        try:
            answer = subject.session.forward(subject.name, self._inputs(arrays))
        except StudentError as error:
            if self.shapes is None or error.kind != "error":
                raise
            return self._checked(None)
        # a complex step (complex_step.py) looks at imaginary parts
        kinds = "fc" if any(np.iscomplexobj(a) for a in arrays) else "f"
        return self._checked(answer["outputs"], kinds)

    def _inputs(self, arrays):
        values = [like(leaf.value, a) for leaf, a in zip(self.leaves, arrays, strict=True)]
        return self.subject.replaced(self.leaves, values)

    def _checked(self, outputs, kinds="f"):
        """The floating outputs; NaN in place of None and of other shapes."""
        floats = floats_of(outputs, kinds)
        if self.shapes is None:
            self.shapes = [y.shape for y in floats]
        if [y.shape for y in floats] != self.shapes:
            return tuple(np.full(shape, np.nan) for shape in self.shapes)
        return floats

    def moves(self, arrays, k, moves):
        """[f at each move]: arrays with argument k replaced; a move is (flat index, value) for one
        entry or (None, array) for the whole argument; k None: (None, list of all arrays). The same
        `arrays` list is sent once."""
        subject = self.subject
        if self.place is None or self.place[0] is not arrays:
            self.forget()
            self.place = arrays, subject.session.place(subject.name, self._inputs(arrays))
        if k is None:
            points = [self._everywhere(values) for _, values in moves]
        else:
            leaf = self.leaves[k]
            points = [[(leaf.path, *_move(leaf.value, *move))] for move in moves]
        subject.calls += len(points)
        return [self._checked(y) for y in subject.session.probe(self.place[1], points)]

    def _everywhere(self, arrays):
        """The point of `probe` where these are the leaves."""
        pairs = zip(self.leaves, arrays, strict=True)
        return [(leaf.path, None, like(leaf.value, a)) for leaf, a in pairs]

    def forget(self):
        """Free the place that the session holds."""
        if self.place:
            self.subject.session.forget(self.place[1])
            self.place = None


def like(original, array):
    """array as the student passed it: a Python or NumPy number if it was one."""
    return array if isinstance(original, np.ndarray) else type(original)(array)


def _move(original, index, value):
    """A move of a leaf for the session: a number is replaced by a number."""
    if index is None or not isinstance(original, np.ndarray):
        return None, like(original, value)
    return index, value


def floats_of(outputs, kinds="f"):
    """The floating outputs as a tuple of arrays, in order; kinds: "fc" for complex ones, too."""
    numbers = (np.ndarray, np.generic, float, complex)
    found = [np.asarray(y) for _, y in trees.leaves(outputs) if isinstance(y, numbers)]
    return tuple(y for y in found if y.dtype.kind in kinds)


def weights_of(outputs, upstream):
    """The upstream gradients of the floating outputs as a tuple of arrays, in order."""
    given = dict(trees.leaves(upstream))
    return tuple(np.asarray(given[path]) for path, y in trees.leaves(outputs) if is_float(y))
