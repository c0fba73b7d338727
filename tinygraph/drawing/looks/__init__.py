"""The looks of a scene's parts, in Graphviz's terms.

The files:

    tables        cells and bars of Graphviz's HTML-like labels
    cards         the cards of values, gradients and constants
    layer_cards   the card of a closed layer
    repeat_cards  the card of a repeat
    boxes         the look of each kind of box
    arrows        the look of each kind of link
    legend        the foot of a picture
"""
