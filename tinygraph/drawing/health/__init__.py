"""Measurements and faults of a graph: heat, the health of gradients, and values that are not finite."""
