"""Functions of NumPy that are Keras's, with Keras's order and names of arguments where they differ from NumPy's."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["OF_LINALG", "OF_NUMPY", "of_numpy"]

# fmt: off
OF_NUMPY = frozenset("""
    abs absolute add all allclose amax amin angle any append arccos arccosh arcsin arcsinh arctan arctan2
    arctanh argmax argmin argpartition argsort array array_split average bartlett bincount bitwise_and
    bitwise_invert bitwise_left_shift bitwise_not bitwise_or bitwise_right_shift bitwise_xor blackman
    broadcast_to cbrt ceil clip column_stack concatenate conj conjugate copy corrcoef correlate cos cosh
    count_nonzero cross cumprod cumsum deg2rad diag diagflat diagonal diff digitize divide dot dsplit dstack
    einsum empty_like equal exp exp2 expand_dims expm1 fabs flip fliplr flipud floor floor_divide fmax fmin fmod
    full_like gcd geomspace greater greater_equal hamming hanning heaviside histogram hsplit hstack hypot i0
    imag inner isclose isfinite isin isinf isnan isneginf isposinf isreal kaiser kron lcm ldexp left_shift less
    less_equal log log10 log1p log2 logaddexp logaddexp2 logical_and logical_not logical_or logical_xor logspace
    matmul max maximum mean median meshgrid min minimum mod moveaxis multiply nan_to_num nanargmax nanargmin
    nancumprod nancumsum nanmax nanmean nanmedian nanmin nanpercentile nanprod nanquantile nanstd nansum nanvar
    ndim negative nextafter nonzero not_equal ones_like outer pad percentile power prod ptp quantile rad2deg
    ravel real reciprocal repeat reshape right_shift roll rot90 round searchsorted select sign signbit sin sinc
    sinh size sort split sqrt square squeeze stack std subtract sum swapaxes take tan tanh tensordot tile trace
    transpose trapezoid tril triu true_divide trunc unique unravel_index vander var vdot vectorize vsplit vstack
    where zeros_like
""".split())  # noqa: SIM905
# fmt: on
OF_LINALG = frozenset("cholesky det eig eigh inv matrix_power matrix_rank pinv qr slogdet solve svd".split())  # noqa: SIM905

# The arguments of Keras after the arrays, in Keras's order; "x_min:min" is NumPy's keyword for another name of Keras's.
_REDUCED = "axis keepdims"
_IN_ORDER = {
    **dict.fromkeys(
        ("all", "amax", "amin", "any", "argmax", "argmin", "mean", "median", "nanargmax", "nanargmin", "nanmax",
         "nanmean", "nanmedian", "nanmin", "nanprod", "nanstd", "nansum", "nanvar", "ptp", "std", "sum", "var"),
        (1, _REDUCED),
    ),
    **dict.fromkeys(("max", "min"), (1, "axis keepdims initial")),
    "prod": (1, "axis keepdims dtype"),
    **dict.fromkeys(("percentile", "quantile", "nanpercentile", "nanquantile"), (2, "axis method keepdims")),
    "bincount": (1, "weights minlength sparse:"),
    "clip": (1, "x_min:min x_max:max"),
    "nan_to_num": (1, "nan posinf neginf"),
    "pad": (2, "mode constant_values"),
    "reshape": (1, "newshape:shape"),
    "searchsorted": (1, "values:v side"),
    "tile": (1, "repeats:reps"),
    **dict.fromkeys(("isclose", "allclose"), (1, "x2:b rtol atol equal_nan")),
    **dict.fromkeys(("append",), (1, "x2:values axis")),
    "correlate": (1, "x2:v mode"),
    "cross": (1, "x2:b axisa axisb axisc axis"),
    **dict.fromkeys(("dot", "inner", "kron", "outer", "vdot"), (1, "x2:b")),
    "tensordot": (1, "x2:b axes"),
    "isin": (1, "x2:test_elements assume_unique invert"),
}  # fmt: skip
_NAMES_OF_FIRST = ("x", "x1", "a", "sorted_sequence", "array")


@functools.cache
def of_numpy(name: str) -> Callable[..., Any]:
    """Return a function of NumPy that takes Keras's arguments."""
    function: Callable[..., Any] = getattr(np.linalg if name in OF_LINALG else np, name)
    if name not in _IN_ORDER:
        return function
    arrays, order = _IN_ORDER[name]
    words = [word.partition(":") for word in order.split()]
    numpys = {theirs: ours if colon else theirs for theirs, colon, ours in words}

    @functools.wraps(function)
    def called(*args: Any, **kwargs: Any) -> Any:
        if not args:
            first = next((key for key in _NAMES_OF_FIRST if key in kwargs), None)
            args = (kwargs.pop(first),) if first else ()
        given = dict(zip(numpys, args[arrays:], strict=False)) | kwargs
        if len(args) > arrays + len(numpys):
            raise TypeError(f"{name}: at most {arrays + len(numpys)} arguments, {', '.join(numpys)} after the arrays")
        renamed = {numpys.get(key, key): value for key, value in given.items()}
        if renamed.get("initial", 0) is None:
            del renamed["initial"]
        return function(*args[:arrays], **{key: value for key, value in renamed.items() if key})

    return called
