"""Guards: the conditions under which a program is the right one for a call.

    signature       the `arguments`: the layouts of arrays, and the values of `settings`
    counters        the ints that change from call to call, which are no part of a signature
    surroundings    everything else that the function finds: globals, closures, attributes

The surroundings are found once, when the function is compiled, and compared before each call:

    kinds           from the function to every object that it can find: `walk`, `in_code` and `in_objects`
    asked           the attributes that the code asks for, in the code that is `followed`
    found           the objects, as `locations`, `containers`, `contents`, `generators` and `unreadable` ones
    replacing       arrays and Tensors in whose place others of their kind stand now
    guards          the comparison before each call, by the rules of `comparing`
"""
