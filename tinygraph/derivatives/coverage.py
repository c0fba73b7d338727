"""NumPy's functions and how they work on Tensors: `python -m tinygraph.derivatives.coverage > docs/numpy.md`."""

from __future__ import annotations

import types
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from scipy import special

from tinygraph.engine.notes import hint_for
from tinygraph.engine.table import composition_of, is_plain, operation_of

__all__ = ["coverage", "page"]

MODULES = {"numpy": np, "numpy.linalg": np.linalg, "numpy.fft": np.fft, "scipy.special": special}

# The kinds of functions in the table and their meanings, in the order of the page.
KINDS = {
    "derivative": "has a rule of its own",
    "composition": "is written out with others; its value is NumPy's to rounding",
    "plain": "has no derivative, or the derivative 0; returns NumPy's result",
    "refused": "would lose the graph; the error has the replacement",
    "not yet": "an error",
}


def kind_of(function: Callable[..., Any]) -> str:
    """The kind of a function in the table."""
    if operation_of(function) is not None:
        return "derivative"
    if is_plain(function):
        return "plain"
    if composition_of(function) is not None:
        return "composition"
    return "refused" if hint_for(function) is not None else "not yet"


def coverage(module: types.ModuleType) -> Iterator[tuple[str, str]]:
    """The functions of a module of NumPy or SciPy that call tinygraph for a Tensor, by name, each with its kind.

    These are the ufuncs, and the functions that other arrays can override. Functions of numbers alone, such as
    `np.arange`, are not among them, nor are conversions to arrays, such as `np.asarray`.
    """
    for name in sorted(dir(module), key=str.lower):
        if name.startswith("_"):
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            function = getattr(module, name, None)
        if isinstance(function, np.ufunc) or (callable(function) and hasattr(function, "_implementation")):
            yield name, kind_of(function)


def page() -> str:
    """The page of the documentation, in Markdown."""
    found = {module: list(coverage(where)) for module, where in MODULES.items()}
    parts = [INTRODUCTION, "| | " + " | ".join(KINDS) + " |", "| --- |" + " --: |" * len(KINDS)]
    for module, functions in found.items():
        counts = [sum(kind == each for _, kind in functions) for each in KINDS]
        parts.append(f"| `{module}` | " + " | ".join(map(str, counts)) + " |")
    parts.append("")
    for module, functions in found.items():
        parts += [f"## {module}", "", "| | functions |", "| --- | --- |"]
        for each in KINDS:
            names = [f"`{name}`" for name, kind in functions if kind == each]
            if names:
                parts.append(f"| {each} | {' '.join(names)} |")
        parts.append("")
    return "\n".join(parts).rstrip() + "\n"


INTRODUCTION = (
    """\
# NumPy on Tensors

Wrap an array in `tg.Tensor`, and NumPy's functions differentiate it. This page is made from the table of derivatives,
by `python -m tinygraph.derivatives.coverage`. A function

"""
    + "\n".join(f"- **{kind}** {meaning}." for kind, meaning in KINDS.items())
    + """

```python
import numpy as np
import tinygraph as tg

x = tg.Tensor([1.0, 4.0, 2.0])
loss = np.ptp(np.insert(x, 1, 3.0)) + np.polyval([1, 0, 2], np.median(x))
loss.backward()
assert x.grad.tolist() == [-1, 1, 4]
assert type(np.argsort(x)) is np.ndarray
```

## Functions outside of NumPy's protocols

`np.array`, `np.asarray`, `np.ascontiguousarray`, `np.full`, `np.require` and `np.vectorize` do not call a Tensor's
implementation: they would make a plain array of it. For a Tensor that requires a gradient they raise an error that
names the function, since the gradient would be lost. Under `import tinygraph.numpy as np` they keep it
([From NumPy code to gradients](numpy-programs.md)). With the ordinary NumPy, `np.stack` joins Tensors,
`np.broadcast_to` repeats one, `np.piecewise` and `np.apply_along_axis` call functions.

Functions that write, such as `np.copyto` and `np.add.at`, write into Tensors, and so does `out=`. A Tensor written
into a plain array is an error.

## The array API standard

`tinygraph.numpy` is the namespace of a Tensor (`t.__array_namespace__()`), so that libraries written for the standard
take Tensors. With `SCIPY_ARRAY_API=1` in the environment, set before SciPy is imported, these carry gradients among
others: `scipy.special.logsumexp` and `softmax`, `scipy.stats.zscore`, `gmean`, `pmean`, `skew`, `kurtosis` and `sem`,
`scipy.integrate.trapezoid`, `scipy.fft.fft`, `scipy.signal.hilbert`, `scipy.optimize.rosen`. With `array_api_dispatch`,
scikit-learn's kernels, scalers, `PCA` and `Ridge` do. Functions that mix a Tensor with the plain arrays of integers or
truths that they made of it are refused by SciPy, as "multiple namespaces".

## Ufuncs

These keywords work: `dtype`, `casting`, `order` and `subok`, and for `matmul`, `vecdot`, `matvec` and `vecmat` also
`axes`, `axis` and `keepdims`. So do the methods `reduce`, `accumulate`, `reduceat` and `outer` of ufuncs of two
operands. They take one step an element if no other function computes the same. At a tie in `np.maximum.accumulate` the
first of the largest elements has the whole gradient.

`where=` leaves elements undefined. So it needs `out=`, a plain array with the values of these elements. The result is a
new Tensor, and the array does not change: use the result of the call. A Tensor as `out=` is written into.

```python
t, mask = tg.Tensor([4.0, 0.0]), np.array([True, False])
y = np.divide(1.0, t, out=np.zeros(2), where=mask)
y.backward(np.ones(2))
assert y.tolist() == [0.25, 0]
assert t.grad.tolist() == [-0.0625, 0]
```

## Results that are partly plain

`np.modf`, `np.frexp` and `np.divmod` return a Tensor and a plain array of whole numbers. A histogram is plain, unless
its weights are a Tensor: then a gradient flows to them. `np.quantile` and its kin differentiate by the share, too, when
`method="linear"`.

## SciPy

The ufuncs of `scipy.special` come by the same protocol. The shapes of the gamma, beta, χ², F and Student distributions
have derivatives, as have the moduli of elliptic integrals and the exponent of the zeta function. The orders of Bessel
functions, such as v in `jv(v, x)`, and the degrees of polynomials have none here: a gradient to one of them is an error
that names it. So is a Tensor in a ufunc without a derivative.

`softmax`, `logsumexp`, `polygamma`, `comb` and others are not ufuncs, and make plain arrays of their arguments. So do
`scipy.stats`, `scipy.linalg`, `scipy.sparse`, `scipy.signal` and the rest: [the error](debugging.md) has the
replacement, such as `tg.softmax(x, axis)`. [`tinygraph.scipy`](scipy.md) has many of them under SciPy's names.

```python
from scipy import special

t = tg.Tensor([0.5, 2.0])
np.sum(special.gammaln(t) + special.jv(1, t)).backward()
assert np.allclose(t.grad, special.digamma(t.data) + special.jvp(1, t.data))

shape = tg.Tensor(2.0)
special.gammainc(shape, 1.5).backward()
assert np.isclose(shape.grad, (special.gammainc(2 + 1e-6, 1.5) - special.gammainc(2 - 1e-6, 1.5)) / 2e-6)
```

## How many
"""
)

if __name__ == "__main__":
    import tinygraph  # noqa: F401 - fills the table

    print(page(), end="")
