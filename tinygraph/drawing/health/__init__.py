"""Measurements and faults of a graph.

The files:

    heat              the time, the bytes or the gradient norm of each call
    gradient_health   vanishing and exploding gradients, and dead ReLUs
    spoilt_values     the first value that is not finite
    spoilt_gradients  the backward step that made the first gradient that is not finite
"""
