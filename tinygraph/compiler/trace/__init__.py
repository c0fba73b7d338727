"""Tracing: a function runs on real values, and the NumPy calls that it makes are recorded as a `Program`.

The first call of `tg.compile(f)` comes here from `pipeline.made_version`, in this order:

    twice          runs f two times, with a `Traced`, a stand-in, for each array among its arguments
    diversion      while f runs, Tensors in this thread are read and written inside the run alone
    traced         a NumPy call, a method or an operator on a stand-in asks the recording
    recording      finds the events behind the arguments of the call
    execution      carries the call out on the real arrays, and adds an event for its result
    tape           keeps the events and the calls in order; the second run must make the same calls
    to_program     makes a graph of the events that the results need

A Tensor holds a stand-in as it holds an array. So the engine's record, its backward pass and its rules work as ever,
and the tape gets their NumPy calls too: forward, backward and update alike.

Tensors from outside the function become state. The run meets one when it first reads its value, and writes to a copy of
its own, so that a run that fails leaves nothing behind.

The second run computes nothing. It must make the same calls with the same constants: a value that changes from run to
run would have become part of the program.

The other files, by what they are about:

    values         `events` (a value of the run, a leaf from outside), `bounds` (what is known of all its elements)
    the two runs   `agreement`, `plain_arrays` (those from outside), `generators` (of random draws)
    a stand-in     `recorder` (the methods that it calls), `operators`, `escapes`, `questions` (`type(x)` and its kind),
                   `deciding` (its truth, and its value as an index), `sizes` (its value as a shape or an axis)
    counters       `reckoning` (Python's arithmetic on them), `python_numbers` (stand-ins), `numbers_given` (to NumPy),
                   `python_functions` (`min`, `max` and those of `math`)
    a call         `numpy_calls`, `functions`, `operands`, `orders`, `carrying_out`, `error_handling`, `views`,
                   `writes`, `elements` (functions of each element alone)
    open axes      `noticing` (a run that shows whether the values of their sizes are asked for)
    a run          `trace` (the engine's `Tracer`), `outside` (the Tensors from there), `world` (clocks and files)
    backward       `alike` (pulls whose rules would do what they did before), `pull` (the first of a kind, and its
                   calls), `pulling_again` (these calls, for the others), `repeated_passes` (the second run takes over
                   what the first one recorded)
    layers         `steps_again` (time steps that make what an earlier one made)
    gradients of 0 `reliance` (on finite values), `masks_outside` (what they leave out), `regular_points` (for elements
                   that are left out)
    errors         `refused` (makes one), `refusals` (functions that cannot be recorded), `ties` (a gradient is lost)
"""

from __future__ import annotations

from tinygraph.compiler.trace.events import Captured, Event
from tinygraph.compiler.trace.outside import TENSOR_VALUE
from tinygraph.compiler.trace.reliance import Doubts
from tinygraph.compiler.trace.to_program import Recorded, program_of
from tinygraph.compiler.trace.trace import Trace
from tinygraph.compiler.trace.twice import questions_of, run, trace_twice

__all__ = [
    "TENSOR_VALUE", "Captured", "Doubts", "Event", "Recorded", "Trace", "program_of", "questions_of", "run",
    "trace_twice",
]  # fmt: skip
