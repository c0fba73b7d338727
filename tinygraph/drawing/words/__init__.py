"""The words of a picture: numbers, signs, formulas.

The files:

    text               a user's text, made safe for every format
    numbers            numbers for readers
    facts              the distribution of an array, its norm, and whether it is finite
    symbols            the sign on an operation
    expressions        the short label of a value, and the formula in a title
    formulas_of_calls  the formula of several calls in one
    slopes             the factor of a gradient on its way back through one operation
"""
