r"""Writing: from a planned program to the text of a NumPy module that computes it.

    >>> import numpy as np, tinygraph as tg
    >>> @tg.compile
    ... def slope(x):
    ...     return tg.grad(lambda x: np.sum(x**3))(x)
    >>> gradient = slope(np.ones(3))
    >>> print(slope.stages["own"].after)
    %0 x = data             float64[3]
    %1   = square(%0)       float64[3]
    %2   = multiply(3, %1)  float64[3]
    return %2
    >>> print(slope.source.split("\n\n\n")[1].strip())
    def slope(x):
        # backward · return tg.grad(lambda x: np.sum(x**3))(x)
        x_slope = np.empty(3)
        np.square(x, out=x_slope)
        np.multiply(three, x_slope, out=x_slope)
    <BLANKLINE>
        return x_slope

Read `calls`, `body` and `module` first, which write a call, a function and the whole text. The others serve them:

    task                 a program that is to be written, and the options
    text                 a written program
    literals, width      numbers, dtypes and empty arrays; lines within 120 characters
    comments, tags       the line of the user's code above its statements; the step that a statement computes
    references           the names that a text refers to
    conditions           a decision, and the draws that a call takes back when it leaves the program
    writer               the arguments of a call
    calls                every call; its kinds are in `product_calls`, `reduction_calls`, `moving`, `writing_parts`
    allocations          the lines before the first call, with `alike_allocations`, where one statement serves several
    statements           the lines of the step as they grow
    targets              the arrays that calls write into
    repeating            what a loop reads and keeps, for `loop_statements`, which writes loops
    rowwise              a fusion: its `block` function, its `block_loops`, its `scratch` memory, and `two_threads`
    body                 all statements of the step
    lists_of_rows        lists of views, each in one line
    leaving_out          lines that say nothing, dropped, and np.empty behind which all is 0
    reading_inside       elements that one statement reads, read there
    update_functions     updates that are alike, as calls of one function
    module               the whole text
    floats               the whole text of a program in which all values are single numbers
"""
