"""The looks of a scene's parts: cards, boxes, arrows and the legend, in Graphviz's terms."""
