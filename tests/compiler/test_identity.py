"""Identity: a program for two Tensors is none for one Tensor given twice, nor for one that is also found outside."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygraph as tg


def _gradients(outside: Any) -> Callable[..., Any]:
    def step(u: Any, v: Any) -> Any:
        loss = np.sum(u * v * v * outside)
        loss.backward()
        return loss.data

    return step


def _assignments(outside: Any) -> Callable[..., Any]:
    def step(u: Any, v: Any) -> Any:
        loss = np.sum(u * v * outside)
        loss.backward()
        u.assign(u.data - 0.1 * u.grad)
        v.assign(v.data * 2 + outside.data)
        return loss.data

    return step


def _updates_in_place(outside: Any) -> Callable[..., Any]:
    def step(u: Any, v: Any) -> Any:
        u.data -= 0.1
        v.data *= 2
        outside.data += u.data
        return np.sum(u.data * v.data * outside.data)

    return step


def _results(compiled: bool, make: Callable[[Any], Any], calls: Any, nested: bool) -> list[Any]:
    tensors = [tg.Tensor(np.array(values), name=name) for name, values in zip("uvw", _VALUES, strict=True)]
    function = make(tensors[2])

    def both(pair: dict[str, Any], *rest: Any) -> Any:
        return function(*([pair["a"], pair["b"][0]] if nested else (pair, *rest)))

    step = tg.compile(both) if compiled else both
    found = []
    for call in calls:
        for tensor in tensors:
            tensor.grad = None
        u, v = (tensors[place] for place in call)
        result = step({"a": u, "b": [v]}) if nested else step(u, v)
        grads = [None if tensor.grad is None else tensor.grad.copy() for tensor in tensors]
        found.append((np.asarray(result), grads, [tensor.data.copy() for tensor in tensors]))
    return found


_VALUES = [[1.0, 2.0, 3.0], [2.0, 1.0, 0.5], [3.0, 2.0, 1.0]]


@settings(deadline=None, max_examples=25)
@given(
    st.sampled_from([_gradients, _assignments, _updates_in_place]),
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=4),
    st.booleans(),
)
def test_one_tensor_given_twice_or_found_outside(make: Any, calls: Any, nested: bool) -> None:
    compiled, eager = (_results(which, make, calls, nested) for which in (True, False))
    for (result, grads, values), (wanted, wanted_grads, wanted_values) in zip(compiled, eager, strict=True):
        np.testing.assert_allclose(result, wanted, rtol=1e-12)
        for got, want in [*zip(grads, wanted_grads, strict=True), *zip(values, wanted_values, strict=True)]:
            assert (got is None) == (want is None)
            if got is not None:
                np.testing.assert_allclose(got, want, rtol=1e-12)


def test_signatures_tell_what_is_given_again() -> None:
    u, v = tg.Tensor(np.ones(2)), tg.Tensor(np.ones(2))
    step = tg.compile(_gradients(tg.Tensor(2.0)))
    step(u, v), step(u, u)
    assert step.signatures == (
        "u: Tensor float64(2,), v: Tensor float64(2,)",
        "u: Tensor float64(2,), v: Tensor float64(2,), 1 Tensors given again",
    )


def _writes_into(w: Any) -> Callable[..., Any]:
    def step(x: Any) -> Any:
        w.data -= 1.0
        return x * 1.0

    return step


def _assigns(w: Any) -> Callable[..., Any]:
    def step(x: Any) -> Any:
        w.assign(w.data - 1.0)
        return x * 1.0

    return step


@pytest.mark.parametrize("view", [lambda x: x, lambda x: x[1:], lambda x: x[::-1]], ids=["whole", "part", "turned"])
@pytest.mark.parametrize("calls_before", [0, 1, 2])
def test_an_array_in_the_memory_of_a_tensor(view: Any, calls_before: int) -> None:
    w = tg.Tensor(np.ones(3), name="w")
    writing = tg.compile(_writes_into(w))
    for _ in range(calls_before):
        writing(np.ones(len(view(np.ones(3)))))
    before = w.data.copy()
    with pytest.raises(tg.UnsupportedError, match="lies in the memory of w"):
        writing(view(w.data))
    np.testing.assert_array_equal(w.data, before)
    given = view(w.data).copy()
    np.testing.assert_array_equal(writing(given), given)

    w, twin = tg.Tensor(np.ones(3)), tg.Tensor(np.ones(3))
    assigning, eager = tg.compile(_assigns(w)), _assigns(twin)
    for _ in range(3):
        np.testing.assert_array_equal(assigning(view(w.data)), eager(view(twin.data)))


@pytest.mark.parametrize("look", [lambda w: w.detach(), lambda w: w.detach()[1:], lambda w: w.detach()[::-1]])
@pytest.mark.parametrize("given", [False, True])
@pytest.mark.parametrize("calls_before", [0, 2])
def test_a_tensor_in_the_memory_of_another(look: Any, given: bool, calls_before: int) -> None:
    def step(w: Any, other: Any) -> Any:
        w.data -= 1.0
        return other.data * 1.0

    w = tg.Tensor(np.arange(3.0), name="w")
    twin = tg.Tensor(np.arange(3.0))
    compiled = tg.compile(step)
    for _ in range(calls_before):
        compiled(w, tg.Tensor(np.ones(3)))
    other = look(w)
    function = compiled if given else tg.compile(lambda: step(w, other))
    before = w.data.copy()
    with pytest.raises(tg.UnsupportedError, match="lies in the memory of w"):
        function(*([w, other] if given else []))
    np.testing.assert_array_equal(w.data, before)
    assert compiled(w, twin).tolist() == [0.0, 1.0, 2.0]


@settings(deadline=None, max_examples=30)
@given(
    calls=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=2, max_size=5),
    outside=st.booleans(),
)
def test_one_generator_given_twice_or_found_outside(calls: Any, outside: bool) -> None:
    def results(compiled: bool) -> list[Any]:
        generators = [np.random.default_rng(seed) for seed in range(3)]

        def f(x: Any, one: Any, other: Any) -> Any:
            drawn = tg.draws.normal(one, (2,)), tg.draws.uniform(other, (2,))
            return (*drawn, x + tg.draws.normal(generators[0], (2,)) if outside else x)

        step = tg.compile(f) if compiled else f
        found = [step(np.ones(2), generators[one], generators[other]) for one, other in calls]
        return [*found, [generator.random() for generator in generators]]

    for got, wanted in zip(results(True), results(False), strict=True):
        for pair in zip(got, wanted, strict=True):
            np.testing.assert_array_equal(*pair)


QUESTIONS: dict[str, Callable[[Any, Any], Any]] = {
    "is": lambda x, y: x is y,
    "is not": lambda x, y: x is not y,
    "operator": lambda x, y: operator.is_(x, y),
    "in a loop": lambda x, y: any(item is y for item in (x, None)),
    "is not None": lambda x, y: (x is not None) + (y is not None),
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_which_array_is_which(name: str) -> None:
    one, other = np.ones(2), np.full(2, 5.0)
    box = {"a": one, "b": one}

    def of_arguments(x: Any, y: Any) -> Any:
        return (2 * x + y) * (3 if QUESTIONS[name](x, y) else 4)

    def of_both(x: Any, y: Any) -> Any:
        return (x + y) * (3 if QUESTIONS[name](x, box["b"]) else 4)

    def outside(x: Any, y: Any) -> Any:
        return (x + box["a"] + y) * (3 if QUESTIONS[name](box["a"], box["b"]) else 4)

    for f in (of_arguments, of_both, outside):
        compiled = tg.compile(f)
        for pair in ((one, other), (one, one), (other, other), (other, one), (one.copy(), one)):
            for box["b"] in (one, other):
                np.testing.assert_array_equal(compiled(*pair), f(*pair))
    compiled = tg.compile(lambda x, y: x * 2 if x is not None and (y is None) is False else y)
    assert [compiled(*pair).tolist() for pair in ((one, other), (one, one))] == [[2.0, 2.0]] * 2
    assert len(compiled.signatures) == 1


def test_the_id_of_an_array_is_refused_and_that_of_a_tensor_is_its_own() -> None:
    one, w = np.ones(2), tg.Tensor(np.ones(2))
    known = {id(one): 2.0, id(w): 3.0}
    for f in (lambda x: x * known.get(id(x), 1.0), lambda x: x * known.get(id(one), 1.0)):
        with pytest.raises(tg.UnsupportedError, match=r"id\(\) is asked of an array"):
            tg.compile(f)(one)
    assert tg.compile(lambda x: x * known[id(w)])(one).tolist() == [3.0, 3.0]
    assert id.__module__ == "builtins"


def test_a_file_has_no_program_for_what_is_given_twice(tmp_path: Any) -> None:
    generator, x = np.random.default_rng(0), np.ones(2)
    drawing = tg.compile(lambda x, one, other: x + tg.draws.normal(one, (2,)) * tg.draws.normal(other, (2,)))
    asking = tg.compile(lambda x, y: x * 2 if x is y else y)
    for step, args in ((drawing, (x, generator, generator)), (asking, (x, x))):
        step(*args)
        with pytest.raises(tg.UnsupportedError, match="is given twice"):
            step.save(tmp_path / "step.py")

    asking(x, x.copy())
    asking.save(tmp_path / "step.py", x, x.copy())
    module: dict[str, Any] = {"__name__": "step", "__file__": str(tmp_path / "step.py")}
    exec((tmp_path / "step.py").read_text(encoding="utf-8"), module)
    for _ in range(2):
        assert module["step"](x, x + 1).tolist() == [2.0, 2.0]
        with pytest.raises(ValueError, match="asks which is which"):
            module["step"](x, x)
