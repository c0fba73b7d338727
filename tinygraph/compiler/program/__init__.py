"""Programs: one run of a function as a graph of steps, and the facts about it that need no run.

Read the files in this order:

    program         the record: a graph, and the meaning of its inputs and outputs
    steps           its nodes as the compiler works on them
    builder         a list of steps that grows: the graph of a program as steps, and new calls
    counting        numbers that depend on the counter of a loop, or on how often an open loop was repeated
    loops           repeated steps as one step, with a graph of their own
    loop_marks      a loop among the calls of a program, for the stages that put calls in order and write them
    spelling        numbers that count in loops, as text: 18 - i
    rows            elements of an array that the iterations of a loop read, in their order
    rewriting       a graph made anew by a function that changes one step
    symbols         steps that NumPy code runs on, for rewrites that are formulas
    decisions       Python asked for a value: the answer that a program is made for
    facts           NumPy's functions in one table
    predicates      questions about a call
    boxes           the elements of an array that calls read and write, between two corners
    places          parts of an array that count in a loop, compared in all iterations
    reshaping       reshapes and transposes, and their axes
    result_types    the shape and dtype of a result
    cost            operations, bytes and nanoseconds of a call
    interpreter     the plainest way to run a program, which the tests compare with
"""
