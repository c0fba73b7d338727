"""Running: from the text of a program to a call of it.

In the order of their imports: `threads` sets the threads of BLAS; `profiling` measures each call of a program;
`runner` executes a text, and calls the function in it with arrays. A `binding` says where these arrays come from at
each call, `buffers` are those that Tensors are updated in, `named_results` gives the results their named tuples, and a
`version` is the program for one signature, with all of these.
"""
