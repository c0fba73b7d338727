"""The schedule: which calls are computed together, block by block or a few examples at a time, and in which order.

items           the result: calls and fusions, in order
blocks          fusions of elementwise calls, by blocks of rows
batch_axis      for each function the operands of which an example of a batch needs its own part only
batches         fusions that go over the examples of a batch
division        the rows of a fusion in blocks, on one thread or two
blas_library    the OpenBLAS that NumPy has loaded
blas_threads    the products that are divided among several threads of BLAS
unnesting       the steps of loops among the other calls
pieces          a rewrite that asks the schedule: products cut into pieces
"""
