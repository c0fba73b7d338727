"""Running: from the text of a program to a call of it.

Read the files in this order:

    runner             a text that is executed, and the function in it, called with arrays
    binding            the origin of these arrays, and the destination of the results
    variables          the Tensors of a program at its calls
    tensor_buffers     the arrays that Tensors are updated in
    numbers            the numbers that Python computes from counters before each call
    written_arguments  the arrays of the caller that a program writes into
    named_results      named tuples in the results
    versions           the program for one signature, with all of these
    paths              the programs of one signature that differ in their decisions
    eagerly            calls that no program can be made for
    threads            the threads of a program, its own and those of BLAS
    products           what several threads of BLAS divide, on one thread
    profiling          the time of each call of a program
    pictured           a written program as a picture shows it
"""
