"""JavaScript: a program as a file that a browser or Node runs, with typed arrays and loops and no library.

Read the files in this order:

    expressions   operators and parentheses, places in memory
    kinds         NumPy's dtypes, and the typed arrays that hold them
    values        arrays with strides, numbers, and formulas that are computed where they are read
    naming        the names of values
    helpers       functions that JavaScript lacks
    elementwise   the table of the functions that compute element by element
    compositions  NumPy's functions that are written with others
    writer        statements, loops over axes, comments
    reductions, products, images, rearranging, indexing, loops    the tables of all other functions
    module        the text of a file
"""
