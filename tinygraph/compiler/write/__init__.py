"""Emission: from a program to the text of a NumPy module that computes it, and to the function in that text.

`compile_program(program)` is the way in. It writes tinygraph's functions out with NumPy's, applies the rewrites,
gathers elementwise calls into runs, plans the memory, and writes the text: first what is done once (memory, views),
then `def step(...)` with one comment for each of the user's lines.

From the whole to its parts: `compiling` decides how a `task` is written, `module` puts the text together of `memory`
and `body`, the body is made of `calls` and of runs (`rowwise`, with its `block` and `loops`), a call of names and
`literals`, which the `writer` knows. What has been written, and can be run, saved and measured, is an `Emitted`.
"""

from __future__ import annotations

from tinygraph.compiler.write.compiling import compile_program
from tinygraph.compiler.write.emitted import Emitted

__all__ = ["Emitted", "compile_program"]
