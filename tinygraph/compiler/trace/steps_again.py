"""Steps again: a time step of a layer of ours that makes what an earlier one made, of its own arrays.

A layer makes the same calls in each of 400 time steps:

    z = x @ kernel + h @ recurrent_kernel + bias        h = np.tanh(z)

The first step of a kind runs, and its pattern is remembered: the calls on the tape, and those in the engine's record,
with numbers in place of arrays and links. For the others the calls are carried out on their own arrays, and recorded.
To run the step, and all that stands between it and the tape, takes three times as long.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from tinygraph.compiler.trace.bounds import LOOK_BELOW
from tinygraph.compiler.trace.pull import Made, Run, made_of
from tinygraph.compiler.trace.pulling_again import PullingAgain, computed, record
from tinygraph.compiler.trace.traced import Traced
from tinygraph.compiler.trace.views import Taken, look_into
from tinygraph.engine.links import Call, Leaf, Like, next_order
from tinygraph.engine.modes import state
from tinygraph.engine.nested import instances
from tinygraph.engine.ownership import read_only
from tinygraph.engine.quick_links import Both, First, Left, Right, Unary
from tinygraph.engine.tensor import Tensor

__all__ = ["StepsAgain"]

Step = Callable[[Any, list[Any]], tuple[Any, list[Any]]]

_new: Callable[[type], Any] = object.__new__

# The kinds of calls in the record whose operands have slots of their own.
_OF_TWO = frozenset((Both, Left, Right))
_KINDS = _OF_TWO | {Unary, First}


class _UnknownError(Exception):
    """The next step of the kind may make something else."""


class _Given(NamedTuple):
    """The inputs and the states that a step is given.

    Attributes:
        key: what tells them from others.
        arrays: their stand-ins.
        links: of those that are Tensors, in order.
        places: by the number of a link that of its array.
    """

    key: tuple[Any, ...]
    arrays: list[Traced]
    links: list[Any]
    places: list[int]


class _Array(NamedTuple):
    """The number of an array that a call in the record keeps, or is given."""

    number: int


class _Link(NamedTuple):
    """The number of a link that a call in the record is given."""

    number: int


class _Kept(NamedTuple):
    """An array of a step that the record keeps.

    Attributes:
        is_number: it stands for a number, as opposed to an array.
        view: the call that takes it as a view of another array, and the number of that one; None where none does.
    """

    is_number: bool
    view: tuple[Made, int] | None


class _Recorded(NamedTuple):
    """A call in the record, with an `_Array` or a `_Link` in place of what each step has of its own.

    Attributes:
        kind: its class.
        like: the call of the first time.
        x, y: its operands.
        value: what it keeps of its result.
    """

    kind: type
    like: Any
    x: Any
    y: Any
    value: Any


class _Pattern(NamedTuple):
    """The calls of a step, for steps that are like it.

    Attributes:
        outside: the arrays that it reads beside those that it is given: weights, and what the layer made of them.
        made: the values, in order.
        follows: the bounds of the values follow from those of the arrays.
        calls: those in the record, in order.
        kept: the arrays that these calls keep, by their numbers.
        noted: the numbers of the links that are given whose values the record keeps because of the step.
        results: of the outputs and of each new state the number of its link, and that of its array.
    """

    outside: list[Traced]
    made: list[Made]
    follows: bool
    calls: list[_Recorded]
    kept: dict[int, _Kept]
    noted: list[int]
    results: list[tuple[int, int]]


class StepsAgain:
    """The time steps of layers that a run makes again.

    Args:
        run: the parts of the run that a step asks, or changes.
        again: knows the kinds of arrays.
    """

    def __init__(self, run: Run, again: PullingAgain) -> None:
        self._run = run
        self._again = again

    def repeating(self, step: Step) -> Step:
        """Return a function that does what a time step of ours does. No weight is assigned while it is in use."""
        if not self._may_repeat():
            return step
        known: dict[Any, _Pattern | None] = {}

        def again(x: Any, states: list[Any]) -> tuple[Any, list[Any]]:
            given = self._given([x, *states])
            if given is None:
                return step(x, states)
            if given.key not in known:
                first = _FirstStep(self._run, given)
                output, new = step(x, states)
                known[given.key] = first.learnt([output, *new])
                return output, new
            pattern = known[given.key]
            results = None if pattern is None else self._made_again(pattern, given)
            return step(x, states) if results is None else (results[0], results[1:])

        return again

    def _may_repeat(self) -> bool:
        """Return whether a step does nothing but to make calls and to record them."""
        recording, errors = self._run.recording, self._run.execution.errors
        return not (
            type(self._run.tape.events) is not list or recording.numbers.reckoning.counters or recording.has_weak
            or state.watching or not state.recording or errors.blocks or errors.raises
        )  # fmt: skip

    def _given(self, items: list[Any]) -> _Given | None:
        """Return what a step is given; None where the step may make what another one does not."""
        key: list[Any] = []
        given = _Given((), [], [], [])
        for item in items:
            array = item
            if type(item) is Tensor:
                array, link = item._value, item._link
                if type(link) not in _KINDS:
                    return None
                given.links.append(link)
                given.places.append(len(given.arrays))
                key.append(type(link._value) is Like)
            kind = self._again.key_of(array) if self._again.is_plain(array) else None
            if kind is None:
                return None
            given.arrays.append(array)
            key.append((type(item), kind))
        events, links = [array._event for array in given.arrays], [id(link) for link in given.links]
        if len(set(links)) < len(links):
            return None
        return given._replace(key=(*key, *[events.index(event) for event in events]))

    def _made_again(self, pattern: _Pattern, given: _Given) -> list[Any] | None:
        """Make the calls of a pattern; return the outputs and the new states, or None where they would be others."""
        tape = self._run.tape
        begun = len(tape.events), len(tape.calls)
        arrays = [*given.arrays, *pattern.outside]
        events, values = [array._event for array in arrays], [array._value for array in arrays]
        try:
            if tape.reference is not None:
                values += [None] * len(pattern.made)
            elif not self._run.execution.quiet.run(computed, pattern.made, values):
                return None
            record(tape, pattern.made, events, pattern.follows)
        except Exception:  # the step itself raises it, and is named
            del tape.events[begun[0] :], tape.calls[begun[1] :]
            return None
        found = dict(enumerate(arrays))
        for number, kept in pattern.kept.items():
            array = Traced(self._run.recording, events[number], read_only(values[number]), is_number=kept.is_number)
            if kept.view is not None:
                _take(array, kept.view[0], found[kept.view[1]])
            found[number] = array
        return _in_record(pattern, given, found)


def _take(view: Traced, made: Made, base: Traced) -> None:
    """Note the call that takes a view."""
    assert made.call is not None
    ((place, _),) = made.arrays
    args = tuple([base if at == place else item for at, item in enumerate(made.args)])
    look_into(view, base, Taken(made.call.function, None, args, made.call.kwargs))


def _in_record(pattern: _Pattern, given: _Given, found: dict[int, Traced]) -> list[Any]:
    """Make the calls in the engine's record; return the outputs and the new states.

    Args:
        pattern, given: of the step.
        found: by its number each array that is kept.
    """
    links = [*given.links]
    for number in pattern.noted:
        links[number]._value = given.arrays[given.places[number]]
    for kind, like, x, y, value in pattern.calls:
        call = _new(kind)
        call.op, call.label, call.code, call.lasti = like.op, like.label, like.code, like.lasti
        call.x = links[x.number] if type(x) is _Link else found[x.number] if type(x) is _Array else x
        if kind is First:
            call.rest, call.keywords = like.rest, like.keywords
        elif kind is not Unary:
            call.y = links[y.number] if type(y) is _Link else found[y.number] if type(y) is _Array else y
        call._value = found[value.number] if type(value) is _Array else value
        call._grad = call._adjoint = None
        call.order = next_order()
        links.append(call)
    tensors: dict[int, Any] = {}
    for number, value in pattern.results:
        if number not in tensors:
            tensor = tensors[number] = _new(Tensor)
            tensor._value, tensor._link = found[value], links[number]
    return [tensors[number] for number, _ in pattern.results]


class _FirstStep:
    """The first step of its kind.

    Args:
        run: the run.
        given: the inputs and states of the step.
    """

    def __init__(self, run: Run, given: _Given) -> None:
        self._run = run
        self._given = given
        self._events, self._calls = len(run.tape.events), len(run.tape.calls)
        self._since = next_order()
        self._before = run.effects()
        self._were_like = [type(link._value) is Like for link in given.links]
        self._outside: dict[int, Traced] = {}
        self._fixed: dict[int, Any] = {}  # by their ids calls before the loop, whose results each step is given
        self._numbers: dict[int, int] = {}
        self._made: list[Made] = []
        self._kept: dict[int, _Kept] = {}
        self._read = 0  # how many arrays the step reads: those that it makes have the numbers from there on

    def learnt(self, results: list[Any]) -> _Pattern | None:
        """Return the calls that the step made; None where another one may make other calls.

        Args:
            results: the outputs, and the new states.
        """
        try:
            return self._learnt(results)
        except _UnknownError:
            return None

    def _learnt(self, results: list[Any]) -> _Pattern:
        if self._run.effects() != self._before:
            raise _UnknownError
        calls = self._calls_in_record(results)
        links = {id(link): number for number, link in enumerate([*self._given.links, *calls])}
        self._number_all()
        recorded = [
            _Recorded(
                type(call), call, self._part(call.x, links), self._part(getattr(call, "y", None), links),
                self._part(call._value, links),
            )
            for call in calls
        ]  # fmt: skip
        found = [(links[id(result._link)], self._array(result._value).number) for result in results]
        given = zip(self._given.links, self._were_like, strict=True)
        noted = [number for number, (link, was_like) in enumerate(given) if was_like and type(link._value) is not Like]
        follows = all([value.event.function not in LOOK_BELOW for value in self._made])
        kept = dict(sorted(self._kept.items()))
        return _Pattern([*self._outside.values()], self._made, follows, recorded, kept, noted, found)

    def _calls_in_record(self, results: list[Any]) -> list[Any]:
        """Return the calls of the step in the record, in order."""
        found: dict[int, Any] = {}
        waiting: list[Any] = []
        for result in results:
            is_own = type(result) is Tensor and not hasattr(result, "_made") and type(result._value) is Traced
            if not is_own or result._value._base is not None or not self._is_of_step(result._link):
                raise _UnknownError
            waiting.append(result._link)
        while waiting:
            call = waiting.pop()
            if id(call) in found:
                continue
            if type(call) not in _KINDS:
                raise _UnknownError
            found[id(call)] = call
            for item in (call.x, getattr(call, "y", None)):
                if self._is_of_step(item):
                    waiting.append(item)
                else:
                    self._meet(item)
        return sorted(found.values(), key=lambda call: call.order)

    def _is_of_step(self, link: Any) -> bool:
        return isinstance(link, Call) and link.order > self._since

    def _meet(self, item: Any) -> None:
        """Meet an operand that is none of the step's own calls: given, or the same for all steps."""
        if isinstance(item, Call):
            if any([item is link for link in self._given.links]):
                return
            self._fixed[id(item)] = item
        array = item._value if isinstance(item, Call | Leaf) else item
        if type(array) is Traced and array._event.index < self._events:
            self._outside[array._event.index] = array

    def _number_all(self) -> None:
        """Give the arrays numbers: those that are given, those from outside, those that the step makes.

        Raises:
            _UnknownError: it makes a value that another step may not make.
        """
        numbers = self._numbers
        for number, array in enumerate(self._given.arrays):
            numbers.setdefault(array._event.index, number)
        self._outside = {index: array for index, array in self._outside.items() if index not in numbers}
        count = len(self._given.arrays)
        numbers.update({index: count + place for place, index in enumerate(self._outside)})
        self._read = count = count + len(self._outside)
        calls = iter(self._run.tape.calls[self._calls :])
        for event in self._run.tape.events[self._events :]:
            made = made_of(event, calls, numbers)
            if made is None or event.section != "forward" or (made.call is not None and made.call.is_attempt):
                raise _UnknownError
            numbers[event.index] = count + len(self._made)
            self._made.append(made)
        if next(calls, None) is not None:
            raise _UnknownError

    def _part(self, item: Any, links: dict[int, int]) -> Any:
        """Return an operand, or a value that is kept, as a pattern has it.

        Args:
            item: the operand, or the value.
            links: by the id of a link its number.
        """
        if id(item) in links:
            return _Link(links[id(item)])
        if type(item) is Traced:
            return self._array(item)
        if (isinstance(item, Call) and id(item) not in self._fixed) or (
            type(item) in (tuple, list) and not _is_constant(item)
        ):
            raise _UnknownError
        return item

    def _array(self, array: Traced) -> _Array:
        """Return the number of an array, and note that it is kept."""
        number = self._numbers.get(array._event.index, -1)
        is_plain = array._past is None and not array._weak and array._seen == array._memory.version
        if number < 0 or not is_plain:
            raise _UnknownError
        if number >= self._read and number not in self._kept:
            self._kept[number] = _Kept(array._is_number, self._view(array, number))
        return _Array(number)

    def _view(self, array: Traced, number: int) -> tuple[Made, int] | None:
        """Return the call that takes a view, and the number of the array that it is taken of; None for no view."""
        memory, base = array._memory, array._base
        if base is None:
            if memory.version or memory.keeper is not None:
                raise _UnknownError
            return None
        made, of = self._made[number - self._read], self._array(base).number
        is_whole = (
            len(array._taken) == 1 and base._base is None and made.call is not None
            and made.call.aliases[0].operand == 0 and [at for _, at in made.arrays] == [of]
        )  # fmt: skip
        if not is_whole:
            raise _UnknownError
        return made, of


def _is_constant(item: Any) -> bool:
    return not any([instances(kind, item) for kind in (Traced, Call, Leaf)])
