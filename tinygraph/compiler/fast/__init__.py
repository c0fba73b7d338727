"""Functions for the loops of the machine code.

The files:

    functions     elementary functions by NumPy's names
    choices       functions that choose or round
    exponentials  e^x and the hyperbolic functions
    logarithms    logarithms
    circular      sine and cosine
    angles        the angles of points and slopes
    vector_code   the common ground of these: the numbers of a dtype, polynomials
"""
