"""From a graph to a `Scene` of boxes and links: the views."""
