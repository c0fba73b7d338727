"""The HTML page.

The files:

    page       the page as one file
    panel      the facts of a box
    steps      the order of the steps
    sentences  a step in the user's names and numbers
    states     the pictures of a page: which layers are open
    framed     the page in a frame of a notebook
    live       the program that computes the page's numbers anew
    compact    a picture in fewer bytes
    pixels     an array as a map of cells
"""
