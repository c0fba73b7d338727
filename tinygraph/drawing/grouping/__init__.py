"""The calls of a graph in groups, before a scene is made of them.

The files:

    scopes     each entry into a scope
    repeats    a loop as a scope, and the values that it takes and leaves
    rolling    equal steps that follow one another, as scopes
    proposing  scopes for a graph that has none
    sections   the passes of a training step as scopes
    union      the nodes of two graphs as one graph
    parts      a collapsed layer as a graph of its own
"""
