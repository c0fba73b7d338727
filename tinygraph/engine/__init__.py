"""The engine: values, the record of calls on them, the table of derivatives, and the reverse pass.

The files in an order to read them in. First the record:

    value             all that the engine knows of a Tensor
    table             the derivative table: an entry for each NumPy function
    notes             notes on these functions: formulas, decompositions, hints for errors
    nested            nested tuples, lists and dicts, as the arguments of a call may be
    links             the remembered calls and leaves, which the record consists of
    operands          the operands of calls, and the plain values that NumPy is given
    scopes            the blocks, modules and compositions that calls are made in
    modes             the settings of a thread: recording or not, the scope, the tracer
    hooks             the Protocol of a tracer, which records while a function is compiled
    record            a NumPy function is called on Tensors, and the call is remembered
    primitives        functions that are one thing in a graph

The reverse pass:

    gathering         the calls that an output depends on
    pulling           one call: its rules turn the cotangent of its result into those of its operands
    recorded_pulls    the same where the pass is itself recorded or compiled
    fitting           broadcasting undone, and the dtype restored
    adding            cotangents added at places that may come twice
    rows              sums over many short rows
    freed_memory      memory that is kept for the next arrays
    backward          the pass: from an output back over the record
    passes            the pass that wrote a gradient
    unseen            calls that no Tensor stands for any more
    nonfinite         the place where a NaN or an infinity was made

The guarded pass, in which elements that were left out contribute nothing. A first reader may skip it:

    masks             the reach of a cotangent
    dependence        the elements of the operands that an element of a result depends on
    probing           the same, found by calls with other numbers
    reaching          from the reach of a result to the reach of its operands
    delivering        the state of the pass
    putting_away      numbers of calls replaced by regular ones
    guarded_pulls     one call of the pass
    guarded_pass      the pass

Arrays that others can write into, and that programs write into:

    ownership         the owner of an array's memory, and those who share it
    keeping           constants that no later write can change
    lending           the array of a leaf, handed out by `t.data`
    memory            memory that programs write into, and the Tensors in it
    orders            the order of elements in memory
    places            a part of such an array
    settling          the first write into a Tensor
    data              calls on such arrays that no gradient flows to

The Tensor:

    tensor            an array, its gradient, and its record
    operators         arithmetic and comparisons
    protocols         Python's protocols: length, parts, numbers, text, copies
    array_methods     ndarray's methods
    ufuncs            NumPy's ufuncs called with it, and their methods
    common_dtypes     operands of SciPy's ufuncs, converted as these convert them
    out_by_position   an array for the result that is given by its position
    writing           `t[index] = value`
    masked            writes at a mask that a program computes
    in_place          `t += v`
    flat              `t.flat`

The errors:

    refusing          the errors for calls and passes that cannot be made
    conversions       calls that would lose a gradient
    instead           the code to write in place of these
    unreadable        data of which NumPy makes no numbers
    leaving           the lines on which the number of a Tensor was taken

The quick paths, with the same results in less time. A reader may skip them:

    quick             calls
    quick_links       their links
    quick_backward    the reverse pass
    quick_writes      elements that are read and written
"""
