"""The compiler: from a graph back to the NumPy program that a person would have written by hand.

`pipeline` has the stages on one page, each a call with its result; start there. Each stage has a room, whose page shows
what goes in and what comes out. `stages` prints the stages of a program of your own.

The files of this folder:

    pipeline               all stages, one after the other
    phases                 the rewrites in the order in which they are applied
    stages                 the stages of a program, printed
    stand_ins              what a function is recorded with in place of its arguments and variables
    side_effects           errors for a function that changes something outside

    compiled               what `tg.compile` returns
    compiled_saving        its part that writes files
    programs_for_calls     the program of a call, found or made
    kept_programs          the programs of a function, by signature
    eager_signatures       the signatures whose calls run eagerly
    explanation            for each program why it was made, what guards it, and how often it ran
    reasons                these reasons in words

    program_drawn          a program as a picture
    rewriting_drawn        a program before and after its rewrites in one picture
    loops_as_text          a graph with loops as text
    notebook               a compiled function in a notebook
"""
