"""The places of boxes and lines.

The files:

    engine          a layout by Graphviz, as pygraphviz or as the `dot` program
    workers         processes that lay out, which can be stopped
    layout_process  the program of such a process
    tracks          the operands of the chain view and the lanes beside them
    lanes           the lines in these lanes
    curves          the curves through their corners
"""
