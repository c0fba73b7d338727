"""Tracing: one run of a function, on real values, recorded as a `Program`.

The function runs with `Traced` in place of arrays. A Tensor is what it always is, a value and a link into the record,
with a `Traced` for its value; so the engine's own record, its backward pass and its rules work as ever, and every
NumPy function that they call on the way is remembered: forward, backward and update alike.

Tensors from outside the function become state. They are met when their value is first read, and nothing is written
to them: while a function is traced, the places where a Tensor keeps its value and its gradient lead, in this thread,
to the run's own copies. A run that fails leaves nothing behind.

The function is run twice. The second run computes nothing; it must make the same calls with the same constants.
Where it does not, something that changes from run to run would have become part of the program.

The files in the order of their imports: `events` (an event of the run, a leaf from outside), `bounds`, `agreement`,
`orders`, `refused`, `traced` (the stand-in, and the `Recorder` that it asks), `refusals`, `functions`, `operands`,
`views`, `carrying_out`, `numpy_calls`, `tape`, `outside`, `trace`, `diversion`, `world`, `twice`, `to_program`.
"""

from __future__ import annotations

from tinygraph.compiler.trace.events import Captured, Event
from tinygraph.compiler.trace.outside import TENSOR_VALUE
from tinygraph.compiler.trace.to_program import Recorded, program_of
from tinygraph.compiler.trace.trace import Trace
from tinygraph.compiler.trace.twice import run, trace_twice

__all__ = ["TENSOR_VALUE", "Captured", "Event", "Recorded", "Trace", "program_of", "run", "trace_twice"]
