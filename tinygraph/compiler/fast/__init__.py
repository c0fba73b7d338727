"""Functions for the loops of the machine code.

The files:

    functions    elementary functions as vector code
"""
