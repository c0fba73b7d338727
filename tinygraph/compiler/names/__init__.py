"""Naming: the names of a program's values in its text, after the variables of the user's code.

Of `y_head = tg.sigmoid(w.T @ x + b)` the result is called `y_head`, and so is what lies in its memory before it is
finished.

    naming          all names of a program, in the order in which they are given
    describing      names that say how a value is made: `w_T`, `one_minus_y_head`
    cotangents      pairs of a value and its gradient, which is called `d_w`
    slope_values    factors of gradients, which are called slopes
    taken           names that mean something already
"""

from __future__ import annotations

from tinygraph.compiler.names.describing import core, made_up
from tinygraph.compiler.names.naming import names_of
from tinygraph.compiler.names.slope_values import slopes_in
from tinygraph.compiler.names.taken import TakenNames, identifier, is_free, users

__all__ = ["TakenNames", "core", "identifier", "is_free", "made_up", "names_of", "slopes_in", "users"]
