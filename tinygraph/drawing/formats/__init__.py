"""A scene in each format.

The files:

    fonts          the fonts of the layout and of the browser
    dot            as DOT text, for Graphviz
    svg            additions to Graphviz's SVG
    scope_titles   the titles of scopes, moved to where no arrow crosses them
    pictures       scenes as SVG, within a time limit
    motion         the steps of an animation, and the rules that show them
    versions       the parts of an SVG that change from step to step
    resolution     a PNG at twice the resolution
    mermaid        as a Mermaid chart
    tikz           as TikZ, for papers
    terminal       as letters and lines
    box_text       the text on a box, for pictures without cards
"""
