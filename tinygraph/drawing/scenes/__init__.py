"""From a graph to a `Scene`: the boxes and links of a picture before its layout.

The files:

    scene             `Scene`, `Box` and `Link`
    views             the views of a graph, each a function from graph to scene
    assembly          the boxes and links, put together
    chips             small names in place of arrows that would be long
    mirror            forward and backward side by side
    passes            the parts of a training step
    columns           a training step in three columns
    backward_groups   the calls of the backward pass that share a box
    updates           the boxes of the update
    rows              boxes side by side
    difference_marks  the marks of a difference
    marks             what is new, gone or another in a difference
    roles             the role of a box, which decides on its look
    gradient_words    a gradient in words
    inner_names       the name of a value within a layer
    layer_words       a closed layer in words
"""
