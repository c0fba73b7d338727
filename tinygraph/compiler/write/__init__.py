"""Writing: from a planned program to the text of a NumPy module that computes it.

In the order of their imports: `literals`, `width`, `comments` and `tags` write what needs no program, and `leaving_out`
drops lines that say nothing; `references` gathers the names that a text refers to, `conditions` writes a decision, and
the `writer` an argument; `product_calls`, `reduction_calls`, `moving` and `writing_parts` write calls of one kind,
`calls` every call;
`scratch`, `block`, `block_loops` and `rowwise` write a fusion; a `task` is the program to be written, a `text` the
written program;
`allocations` writes the lines before the first call; `statements` are the lines of the step as they grow, `targets` the
arrays that its calls write into, `repeating` finds what a loop reads and keeps, and `loop_statements` writes it; `body`
writes all statements, `lists_of_rows` puts views into the lists that are made of them, `update_functions` lets one
function stand for updates that are alike, `alike_allocations` one statement for arrays that are, `two_threads` writes
the functions that divide a fusion, and `module` the whole. Where all values are single numbers, `floats` writes the
program with Python's floats instead.
"""
