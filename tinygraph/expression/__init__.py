"""Formulas given as text, for the command line: parsed, checked and computed, never executed.

grammar       the syntax of a formula; all other syntax is refused
vocabulary    the functions that a formula may call
evaluate      a formula computed by walking over its syntax tree
errors        the error of a formula, with carets under the part that is wrong
"""

from tinygraph.expression.errors import ExpressionError
from tinygraph.expression.evaluate import Expression

__all__ = ["Expression", "ExpressionError"]
