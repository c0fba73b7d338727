"""Kernels: functions of tinygraph's own that a program calls, and that a saved file has in it.

The files:

    assembly        an array made of parts
    products        a product with exchanged axes
    parts           an array after a write into a part of it
    choosing        `np.where` without a branch for each element
    counting        `np.bincount` with a length that stays
    kinds           results with a dtype that stays
    images          convolution and pooling
    places          images with the pixels of each block apart
    winograd        convolution by kernels of 3x3 with fewer multiplications
    image_calls     facts about the functions for images
"""
