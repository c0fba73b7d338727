"""Formulas given as text, for the command line: parsed, checked and computed, never executed."""

from tinygraph.expression.errors import ExpressionError
from tinygraph.expression.evaluate import Expression

__all__ = ["Expression", "ExpressionError"]
