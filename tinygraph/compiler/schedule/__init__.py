"""The schedule: which calls are computed together, block by block or a few examples at a time, and in which order.

    >>> import numpy as np, tinygraph as tg
    >>> @tg.compile
    ... def energy(x):
    ...     y = np.tanh(x)
    ...     return np.sum(y * y) / 2
    >>> total = energy(np.ones((1000, 1000), np.float32))

Each array has 4 million bytes, more than the cache of a processor. So three of the four calls become a fusion. It
computes 65 rows of all of them, then the next 65, and a row that one call writes is still in the cache when the next
call reads it:

    >>> print(energy.stages["schedule"].after)
    1000 rows, 65 at a time
        %1 tanh
        %2 square
        %3 sum
    %4 multiply

Read the files in this order:

    items           `scheduled`: the calls and the fusions, in order
    blocks          fusions of elementwise calls, by blocks of rows
    batch_axis      for each function the operands of which an example of a batch needs its own part only
    batch           a fusion that goes over the examples of a batch, and the steps that may join it
    batches         the parts of a program that are such fusions
    division        the rows of a fusion in blocks, on one thread or two
    unnesting       the steps of loops among the other calls
    cuts            the pieces in which one thread of BLAS computes a product quickest
    pieces          a rewrite that asks the schedule: products that are cut into pieces, which take less time
    blas_library    the OpenBLAS that NumPy has loaded
    blas_threads    the products that are divided among several threads of BLAS
"""
