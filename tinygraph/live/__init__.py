"""Live pages: the values and gradients of a picture, computed in the page by a program that the compiler wrote.

replaying    a graph as a program of its inputs, with every value, gradient and slope as a result
training     a compiled step beside the picture: it updates the inputs, and the picture follows
"""

from tinygraph.live.replaying import live_of

__all__ = ["live_of"]
