"""Naming: the names of a program's values in its text, after the variables of the user's code.

Of `y_head = tg.sigmoid(w.T @ x + b)` the result is called `y_head`, and so is what lies in its memory before it is
finished. What has no name gets one that says how it is made (`describing`), `w_T` or `one_minus_y_head`; and gradients
are called after what they are of (`cotangents`), `d_w`, and what they are multiplied by is a slope (`slopes`).
"""

from __future__ import annotations

from tinygraph.compiler.names.describing import made_up
from tinygraph.compiler.names.naming import names_of
from tinygraph.compiler.names.slope_values import slopes_in
from tinygraph.compiler.names.taken import TakenNames, identifier, is_free, users

__all__ = ["TakenNames", "identifier", "is_free", "made_up", "names_of", "slopes_in", "users"]
