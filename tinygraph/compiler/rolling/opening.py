"""Open loops: a condition ends them, and what depends on how often it held is found out from two runs.

    7 times, then 9     the loop is repeated until its condition fails
                        the loop of its backward pass has 6 and 8 iterations: n - 1
                        what it reads begins at 6 and 8, n - 1, and ends at 1

The two graphs must be the same but for numbers, and each number that differs must differ as the numbers of iterations
do. That Python would go on alike in other iterations is known from the recording, see `users_code.while_loops`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tinygraph.compiler.program.builder import steps_of
from tinygraph.compiler.program.counting import Affine, FromCount, kept_at, kept_row, number_after
from tinygraph.compiler.program.loops import Loop, loop_result
from tinygraph.compiler.program.program import Program
from tinygraph.compiler.program.steps import Step
from tinygraph.compiler.rolling.in_common import is_same
from tinygraph.compiler.rolling.making import rolled
from tinygraph.graph import Graph

__all__ = ["is_twin", "opened"]


class _Closed(Exception):  # noqa: N818 - no error: each number of iterations has a program of its own
    """Two graphs differ in another way than the number of iterations."""


def is_twin(program: Program, other: Program) -> bool:
    """Return whether two programs of one function differ in nothing but how often their conditions held."""
    if not any([len(step.args) > 2 and step.args[2] for step in program.graph.nodes if _decides(step)]):
        return False
    if _ends_of(program) != _ends_of(other):
        return False
    try:
        _opened(steps_of(program), steps_of(other))
    except _Closed:
        return False
    return True


def opened(graph: Graph, twin: Graph) -> Graph:
    """Return the graph of a program with its open loops, given that of a run in which they were repeated another number
    of times.
    """
    return _opened(graph, twin)


def _decides(step: Any) -> bool:
    return getattr(step.function, "__name__", "") == "decided"


def _ends_of(program: Program) -> Any:
    """Return the inputs and outputs of a program without the numbers of its steps."""
    return (
        len(program.graph.outputs),
        [(node.shape, node.dtype) for node in program.arguments],
        [(variable.name, variable.node.shape, variable.updated is None) for variable in program.variables],
        len(program.generators),
        program.reckoned,
        program.quiet,
        [(node.shape, node.dtype) for node, _ in program.written],
        _outline(program.results),
    )


def _outline(item: Any) -> Any:
    """Return a nest of results with the shapes and dtypes of nodes in their place."""
    if type(item) is dict:
        return {key: _outline(part_) for key, part_ in item.items()}
    if isinstance(item, tuple | list):
        return [type(item), *map(_outline, item)]
    return (item.shape, item.dtype) if hasattr(item, "operands") else (type(item), repr(item))


def _opened(graph: Graph, twin: Graph) -> Graph:
    one, other = rolled(graph, is_open=True), rolled(twin, is_open=True)
    loops = [step for step in one.nodes if type(step.function) is Loop and step.function.is_open]
    if not loops:
        raise _Closed
    return _Comparison(one, other).graph()


class _Comparison:
    """Two rolled graphs as they are compared, and the open one as it is made."""

    def __init__(self, one: Graph, other: Graph) -> None:
        self._one = one
        self._other = other
        self._moved: dict[int, Step] = {}
        self._loops: dict[int, int] = {}  # by the index of an open loop its number
        self._counts: list[tuple[int, int]] = []  # of each open loop the numbers of iterations in the two runs

    def graph(self) -> Graph:
        """Return the open graph.

        Raises:
            _Closed: the graphs differ otherwise, or a loop was repeated as often in both runs.
        """
        graph = self._in_common()
        if any([first == second for first, second in self._counts]):
            raise _Closed  # what depends on the iterations of that loop cannot be told from what does not
        return graph

    def _in_common(self) -> Graph:
        one, other = self._one, self._other
        if len(one.nodes) != len(other.nodes) or [step.index for step in one.outputs] != [
            step.index for step in other.outputs
        ]:
            raise _Closed
        for step, twin in zip(one.nodes, other.nodes, strict=True):
            assert isinstance(step, Step)
            assert isinstance(twin, Step)
            self._moved[step.index] = self._step(step, twin)
        return Graph(tuple(self._moved.values()), tuple([self._moved[step.index] for step in one.outputs]))

    def _step(self, step: Step, twin: Step) -> Step:
        if step.function is None or twin.function is None:
            if step.function is not twin.function or not _same_constant(step, twin):
                raise _Closed
            return step
        function: Any = step.function
        if type(function) is Loop:
            function = self._loop(step, twin)
        elif function is loop_result:
            if step.args[0].index != twin.args[0].index or step.args[1] != twin.args[1]:
                raise _Closed
        elif function != twin.function:
            raise _Closed
        loop = self._kept_by(step)
        if loop is None and (step.shape, step.dtype) != (twin.shape, twin.dtype) and function is not loop_result:
            raise _Closed
        if step.kwargs.keys() != twin.kwargs.keys():
            raise _Closed
        args = self._argument(step.args, twin.args, loop)
        kwargs = {key: self._argument(item, twin.kwargs[key], None) for key, item in step.kwargs.items()}
        return replace(step, function=function, args=args, kwargs=kwargs)

    def _kept_by(self, step: Step) -> int | None:
        """Return the number of the open loop that a step reads what was kept of."""
        if step.function is not kept_at:
            return None
        stack = step.args[0]
        return self._loops.get(stack.args[0].index) if stack.function is loop_result else None

    def _argument(self, item: Any, twin: Any, loop: int | None) -> Any:
        """Return the pattern of the arguments in two graphs."""
        kind = type(item)
        if type(twin) is not kind:
            raise _Closed
        if kind is Step:
            if item.index != twin.index:
                raise _Closed
            return self._moved[item.index]
        if kind is tuple or kind is list:
            if len(item) != len(twin):
                raise _Closed
            return kind([self._argument(*pair, loop) for pair in zip(item, twin, strict=True)])
        if kind is dict:
            if item.keys() != twin.keys():
                raise _Closed
            return {key: self._argument(item[key], twin[key], loop) for key in item}
        if kind is slice:
            return slice(
                *[self._argument(getattr(item, end), getattr(twin, end), loop) for end in ("start", "stop", "step")]
            )
        if kind is Affine:
            if item.step != twin.step:
                raise _Closed
            return Affine(self._number(item.start, twin.start, loop), item.step)
        if kind is int and loop is not None:
            return self._number(item, twin, loop)
        if not is_same(item, twin):
            raise _Closed
        return item

    def _number(self, number: int, twin: int, loop: int | None) -> Any:
        """Return a number of two graphs: the same, or that of the iterations and something more."""
        if number == twin:
            return number
        if loop is None or twin - number != self._counts[loop][1] - self._counts[loop][0]:
            raise _Closed
        return FromCount(loop, number - self._counts[loop][0], number)

    # --- loops --------------------------------------------------------------------------------------------------------

    def _loop(self, step: Step, twin: Step) -> Loop:
        one, other = step.function, twin.function
        if type(one) is not Loop or type(other) is not Loop or one.is_open is not other.is_open:
            raise _Closed
        if (one.carried, one.stacked, one.last, one.exits) != (other.carried, other.stacked, other.last, other.exits):
            raise _Closed
        if one.is_open:
            number = self._loops[step.index] = len(self._counts)
            self._counts.append((one.count, other.count))
            count: Any = FromCount(number, 0, one.count)
        else:
            count = self._count(one, other)
            if type(count) is FromCount and (one.stacked or one.has_effect):
                raise _Closed  # its kept values would be an array whose shape depends on the iterations
        body = _Body(self, step, one.body, other.body).graph()
        for inner in body.nodes:
            if inner.function == kept_row and number_after(inner.args[1].start, inner.args[1].step, count) is None:
                raise _Closed
        return replace(one, body=body, count=count)

    def _count(self, one: Loop, other: Loop) -> Any:
        """Return the number of iterations of a loop that no condition ends."""
        if one.count == other.count:
            return one.count
        for number, (first, second) in enumerate(self._counts):
            if other.count - one.count == second - first:
                if [pair for pair in self._counts if pair != (first, second) and pair[1] - pair[0] == second - first]:
                    raise _Closed  # which of them it follows cannot be told
                return FromCount(number, one.count - first, one.count)
        raise _Closed

    def of_input(self, step: Step, position: int) -> int | None:
        """Return the number of the open loop that an input of a loop's body was kept by."""
        loop: Any = step.function
        given = step.args[position] if position < len(step.args) else None
        if type(given) is not Step or given.function is not loop_result or position < loop.carried:
            return None
        return self._loops.get(given.args[0].index)


class _Body(_Comparison):
    """The bodies of two loops as they are compared."""

    def __init__(self, outer: _Comparison, loop: Step, one: Graph, other: Graph) -> None:
        super().__init__(one, other)
        self._counts = outer._counts
        inputs = [step for step in one.nodes if isinstance(step, Step) and step.given]
        self._kept = {item.index: outer.of_input(loop, position) for position, item in enumerate(inputs)}

    def graph(self) -> Graph:
        """Return the open body."""
        return self._in_common()

    def _kept_by(self, step: Step) -> int | None:
        return self._kept.get(step.args[0].index) if step.function == kept_row else None

    def _loop(self, step: Step, twin: Step) -> Loop:
        one, other = step.function, twin.function
        if type(one) is not Loop or type(other) is not Loop or one.is_open or one.count != other.count:
            raise _Closed
        return replace(one, body=_Body(self, step, one.body, other.body).graph())


def _same_constant(step: Step, twin: Step) -> bool:
    if step.given or twin.given:
        return bool(step.given is twin.given and step.dtype == twin.dtype)
    return is_same(step.value, twin.value)
