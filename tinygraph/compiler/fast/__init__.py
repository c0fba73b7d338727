r"""Machine code on request, `tg.compile(step, fast=True)`: calls that go over the same elements become one loop.

    >>> import numpy as np
    >>> from tinygraph.compiler.fast.loops import loop_of
    >>> from tinygraph.compiler.fast.runs import Runs
    >>> (run,) = Runs.of("def step(h, y):\n np.multiply(h, 0.5, out=y)\n np.add(y, h, out=y)").found
    >>> loop = loop_of(run.calls, {slot: np.ones(8) for slot in run.slots}, {}, frozenset())
    >>> print(loop.text[loop.text.index("    for i ") :])
        for i in range(n0):
            e1 = load_1(r1, i)
            v0 = e1 * f(0.5)
            v1 = v0 + e1
            store_0(r0, i, v1)
        return True
    <BLANKLINE>

NumPy reads and writes memory at each call, and the loop once. The text of a program stays NumPy's, and so does a saved
program: only the program that runs here has the loops in it, made by numba at the first call. A loop looks at the
arrays of each call first. Where they do not lie as those that it was made for, NumPy makes the calls.

Read the files in this order:

    engine       runs of calls that compute, by a loop or with NumPy's calls
    calls        the calls of a program that compute element by element
    runs         which of them follow each other, and what they are given
    unread       the memory of a run that nothing reads behind it
    statements   runs as statements of NumPy's again
    layout       arrays in memory as rows of elements
    loops        whether calls can be one loop
    text         the text of a loop
    addresses    what a loop asks of the memory of arrays
    machine      its machine code
    functions    elementary functions as vector code, by NumPy's names, with

        choices        functions that choose or round
        exponentials   e^x and the hyperbolic functions
        logarithms     logarithms
        circular       sine and cosine
        angles         the angles of points and slopes
        vector_code    the common ground of these: the numbers of a dtype, polynomials
"""

from tinygraph.compiler.fast.engine import MachineCode
from tinygraph.compiler.fast.machine import check_installed

__all__ = ["MachineCode", "check_installed"]
