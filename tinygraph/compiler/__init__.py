"""The compiler: from a graph back to the NumPy program that a person would have written by hand.

`pipeline` has the stages on one page, each a call with its result; start there. Each stage has a room, whose page shows
what goes in and what comes out. `compiled` is what `tg.compile` returns, and `stages` prints the stages of a program of
your own.
"""
