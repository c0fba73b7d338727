"""Worked examples, from one square root to networks that read handwriting and write text.

Each is a page to be read from top to bottom. Run them all with `python -m demos`, or one with
`python -m demos pythagoras`.
"""
