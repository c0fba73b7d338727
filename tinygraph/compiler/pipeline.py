"""The compiler, from a function to a program that runs: each stage is a call with its result.

    trace       the function runs on stand-ins, and what it does is recorded
    program     the record as a graph, with what it is given, keeps and returns
    rolling     repeated steps become loops
    rewrites    the graph becomes smaller and cheaper, phase by phase, and so do the bodies of loops
    schedule    the calls in their order, some of them gathered into runs over blocks of rows
    memory      each value gets a buffer, which an earlier value may have used before
    names       each value is named as in the user's code, or after the values it is computed from
    write       the text of a NumPy module
    run         the text becomes a function, which each call gives its arguments and variables

The rooms of the compiler stand in this order. Beside them, `guards` tells whether a program fits a call, `axes` makes
one program for many sizes of an axis, `kernels` has the functions that a program may call besides NumPy's, and `saving`
writes a program into a file. `step.stages` shows what each stage made; see `tinygraph.compiler.stages`.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import keyword
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from tinygraph.compiler.axes import Recording
from tinygraph.compiler.guards.counters import Place
from tinygraph.compiler.guards.signature import Parameters
from tinygraph.compiler.memory import NO_MEMORY, plan
from tinygraph.compiler.names import is_free, names_of, users
from tinygraph.compiler.phases import PHASES, simplified
from tinygraph.compiler.program.builder import steps_of
from tinygraph.compiler.program.program import Program
from tinygraph.compiler.rewrites import Phase
from tinygraph.compiler.rolling import is_twin
from tinygraph.compiler.run.binding import all_finite
from tinygraph.compiler.run.runner import Runner, made_runner
from tinygraph.compiler.run.threads import one_thread
from tinygraph.compiler.run.versions import Version, version_of
from tinygraph.compiler.schedule.blas_threads import load_of, setting_of
from tinygraph.compiler.schedule.division import processors
from tinygraph.compiler.schedule.items import calls_alone, scheduled
from tinygraph.compiler.stand_ins import identifier_of, stand_ins_for
from tinygraph.compiler.trace import Doubts, program_of, questions_of, trace_twice
from tinygraph.compiler.trace.diversion import one_at_a_time
from tinygraph.compiler.write.floats import is_of_numbers, named_apart, text_of_numbers
from tinygraph.compiler.write.module import text_of_arrays
from tinygraph.compiler.write.task import Task
from tinygraph.engine.freed_memory import give_back_freed_memory, keep_freed_memory
from tinygraph.errors import UnsupportedError

__all__ = ["compile_program", "made_version", "name_of", "runner_of"]

# A run of more events leaves its arrays' memory in pieces.
MANY_EVENTS = 2_000


def made_version(
    function: Callable[..., Any], parameters: Parameters, args: tuple[Any, ...], kwargs: dict[str, Any],
    leaves: list[Any], written: Callable[[Recording], Any] | None = None,
    counting: frozenset[Place] = frozenset(),
    known: Sequence[Program] = (),
    masks_change: bool = False,
) -> Version:  # fmt: skip
    """Return the program for a call of a function: all stages.

    Args:
        parameters: of the function.
        args, kwargs: the arguments of the call.
        leaves: the values among the arguments that each call gives: arrays, Tensors, floats, counters, generators.
        known: the programs for the same signature so far, from runs that decided otherwise.
        written: returns the runner of what was recorded; None for that of the program alone.
        counting: the places of ints outside that change from call to call.
        masks_change: the conditions that the function finds outside had other values at earlier calls.

    Raises:
        UnsupportedError: the function does what a program cannot repeat.
        TiedError: a gradient goes on outside.
    """
    keep_freed_memory()
    with _uncollected():  # when the collector begins again, the runs are gone: to look through them takes a tenth
        return _recorded_version(function, parameters, args, kwargs, leaves, written, counting, known, masks_change)


def _recorded_version(
    function: Callable[..., Any], parameters: Parameters, args: tuple[Any, ...], kwargs: dict[str, Any],
    leaves: list[Any], written: Callable[[Recording], Any] | None, counting: frozenset[Place],
    known: Sequence[Program], masks_change: bool,
) -> Version:  # fmt: skip
    # trace
    # Another thread's recording has its stand-ins where this one looks for the objects outside.
    # One thread of BLAS: on a busy machine two can make a recording of half a second take five.
    with one_at_a_time, one_thread():
        stand_ins = stand_ins_for(function, parameters, args, kwargs, leaves, counting)
        doubts = Doubts(masks=masks_change)
        trace, result = trace_twice(parameters.function, stand_ins.enter, doubts)
        finite = stand_ins.finite(trace, stand_ins.inputs(trace))
        numbers = stand_ins.numbers(trace)
        given = leaves if numbers is None else numbers.behind(leaves)
        if given is None:
            raise UnsupportedError("compile: Python's arithmetic on an int that changes has another result now")
        nonfinite = not all_finite(finite, given)
        if nonfinite:  # an infinity or a NaN is given, and the program would not be right for such values
            trace, result = trace_twice(parameters.function, stand_ins.enter, replace(doubts, nonfinite=True))
            numbers = stand_ins.numbers(trace)
    if len(trace.events) > MANY_EVENTS:
        give_back_freed_memory()
    # program
    names = {key: identifier_of(name) for key, name in stand_ins.surroundings.tensors.items()}
    inputs = stand_ins.inputs(trace)
    recorded = program_of(trace, result, [event for event, _ in inputs], names)
    twin = next((program for program in known if is_twin(program, recorded.program)), None)
    if twin is not None:
        recorded = replace(recorded, program=replace(recorded.program, twin=replace(twin, twin=None)))
        written = None
    binding = replace(
        stand_ins.binding(trace, recorded, inputs, given),
        numbers=numbers,
        finite=finite,
        nonfinite=nonfinite,
        masks=stand_ins.masks(trace, inputs),
    )
    # rewrites, schedule, memory, names, write
    write = functools.partial(runner_of, name=name_of(function))
    if written is None:
        runner = write(recorded.program)
    else:
        shapes = [event.shape for event in trace.events]
        questions = functools.partial(questions_of, stand_ins.enter, trace)
        runner = written(Recording(recorded.program, shapes, write, questions))
    # run
    version = version_of(recorded.program, runner, stand_ins.surroundings, binding, given)
    trace.let_go()
    return version


def runner_of(program: Program, name: str, open_size: int | None = None) -> Any:
    """Return the runner of a program. The tests put one that interprets the program in the place of this function."""
    return compile_program(program, name=name, open_size=open_size)


def compile_program(
    program: Program,
    *,
    phases: Sequence[Phase] = PHASES,
    name: str = "step",
    blocks: bool = True,
    threads: int | None = None,
    open_size: int | None = None,
) -> Runner:
    """Write a program as NumPy, and make it callable: the stages from `rewrites` on.

    Args:
        program: a graph with the meaning of its inputs and outputs. Only shapes, dtypes and constants are taken from
            it, never the values that the inputs had.
        phases: the rewrites of the graph, in order; see `tinygraph.compiler.phases`.
        name: of the function in the text. An underscore is added where the name has another meaning.
        blocks: evaluate elementwise calls on large arrays block by block.
        threads: 2 divides large calls between two threads, 1 does not; None decides by the number of processors.
        open_size: a size that stands for any: values of its multiples share memory among themselves alone.

    Returns:
        A `Runner`: `.run(arguments, variables, generators)` computes; `.source` is the text; `.original` and
        `.graph` are the graphs before and after rewriting; `.cost`, `.profile(...)`.
    """
    name = users(name) if is_free(users(name)) else f"{users(name)}_"
    threads = min(2, processors()) if threads is None else threads
    options = {"phases": phases, "name": name, "blocks": blocks, "threads": threads, "open_size": open_size}

    def again(another: Program = program, **others: Any) -> Runner:
        return compile_program(another, **{**options, **others})

    graph = simplified(steps_of(program), program, phases)
    task = Task(program, graph, name, blocks, threads, again, tuple(phases), open_size)
    return _of_numbers(named_apart(task)) if is_of_numbers(graph) and not program.written else _of_arrays(task)


def _of_arrays(task: Task) -> Runner:
    """Return the runner of a program that computes with NumPy's arrays: the stages from `schedule` on."""
    graph = task.graph
    items = scheduled(graph, task.overwrites) if task.blocks else calls_alone(graph)
    results = [result for place, result in enumerate(task.results) if place not in task.returned]
    planned = plan(graph, items, len(task.arguments), task.updates, results, task.open_size)
    names = names_of(graph, planned, task.reserved)
    text = text_of_arrays(task, planned, names)
    return made_runner(task, text, planned, setting=setting_of(load_of(graph, items, task.threads)))


def _of_numbers(task: Task) -> Runner:
    """Return the runner of a program that computes with Python's floats: they need no schedule, memory or names."""
    return made_runner(task, text_of_numbers(task), NO_MEMORY, otherwise=lambda: _of_arrays(task))


def name_of(function: Callable[..., Any]) -> str:
    """Return the name of a function in a program's text."""
    name = identifier_of(getattr(function, "__name__", "step"))
    return "step" if keyword.iskeyword(name) else name


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """Switch the garbage collector off while a program is made: all objects stay. It took a third of the time.

    What was made goes to the oldest generation at once. The collector would look through a program of 23,000 calls when
    it begins again, which takes 30 milliseconds.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            if not gc.get_freeze_count():  # the user's own would thaw, too
                gc.freeze()
                gc.unfreeze()
            gc.enable()
