"""Machine code on request, `tg.compile(step, fast=True)`: calls that go over the same elements become one loop.

    np.multiply(h, 0.5, out=z)          for i in range(n):
    np.add(z, h, out=z)                     e1 = load_1(r1, i)
    np.exp(z, out=y)                        v0 = e1 * f(0.5)
                                            v1 = v0 + e1
                                            v2 = exp(v1)
                                            store_0(r0, i, v2)

NumPy reads and writes memory at each call, and machine code once. The text of a program stays NumPy's, and so does a
saved program: only the program that runs here has the loops in it, made by numba at the first call.

Read the files in this order:

    engine       runs of calls that compute, by a loop or with NumPy's calls
    runs         which calls of a program follow each other, and what they are given
    layout       arrays in memory as rows of elements
    loops        the text of a loop
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
