"""The places of boxes and lines: Graphviz in a process of its own, and the lanes of the chain view."""
