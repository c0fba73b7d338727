"""The objects that a compiled function finds outside are compared before each call: no result is a stale one."""

from __future__ import annotations

import argparse
import collections
import contextvars
import copy
import dataclasses
import functools
import operator
import threading
import types
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.special

import tinygraph as tg
from tinygraph.compiler.guards.contents import is_value

X = np.arange(6.0).reshape(2, 3) + 1

# A case makes what is found outside, and gives a function that uses it, and what somebody does to it from call to call.
Case = Callable[[], tuple[Callable[..., Any], list[Callable[[], Any]]]]
CASES: dict[str, Case] = {}


def case(make: Case) -> Case:
    CASES[make.__name__.replace("_", " ")] = make
    return make


def _product(items: Any, x: Any) -> Any:
    for item in items:
        x = x * item + item
    return x


def settings() -> Any:
    """A class with settings of each kind."""

    class Settings:
        rate = 1.0
        pair = (0.5, 0.25)
        table = {"a": 2.0}
        items = [1.0, 2.0]
        weight = np.ones(3)
        space = types.SimpleNamespace(rate=3.0)

        class Inside:
            rate = 2.0

        @property
        def double(self) -> float:
            return self.rate * 2

        @functools.cached_property
        def unused(self) -> float:
            return 1.0

        @staticmethod
        def scaled(x: Any) -> Any:
            return x * 2

        def method(self, x: Any) -> Any:
            return x * self.rate

    return Settings


@case
def a_set() -> Any:
    names = {"a"}
    return lambda x: x * 2 if "b" in names else x, [lambda: names.add("b"), names.clear]


@case
def a_dict_gets_and_loses_a_key() -> Any:
    found = {"a": 1.0}
    return lambda x: _product(found.values(), x), [lambda: found.update(b=3.0), lambda: found.pop("a")]


@case
def a_key_that_was_not_there() -> Any:
    found: dict[str, float] = {}
    return lambda x: x * found.get("b", 2.0), [lambda: found.update(b=3.0), found.clear]


@case
def another_order() -> Any:
    found, items = {"a": 1.0, "b": 2.0}, [1.0, 2.0]
    return lambda x: _product([*found.values(), *items], x), [lambda: found.update(a=found.pop("a")), items.reverse]


@case
def the_last_of_many() -> Any:
    items = [1.0] * 5000
    return lambda x: x * items[4999], [lambda: items.__setitem__(4999, 3.0)]


@case
def a_deque() -> Any:
    items = collections.deque([1.0, 2.0], maxlen=3)
    return lambda x: _product(items, x), [lambda: items.append(4.0), lambda: items.append(5.0)]


@case
def what_a_class_has() -> Any:
    kind: Any = settings()
    return lambda x: kind.scaled(x) * kind.pair[0] + kind.table["a"] + sum(kind.items) + kind.space.rate, [
        lambda: setattr(kind, "pair", (1.5, 3.0)), lambda: kind.table.update(a=5.0),
        lambda: setattr(kind, "table", {"a": 7.0}), lambda: kind.items.append(3.0),
        lambda: setattr(kind, "space", types.SimpleNamespace(rate=4.0)), lambda: setattr(kind.space, "rate", 9.0),
        lambda: setattr(kind, "scaled", staticmethod(lambda x: x * 3)),
    ]  # fmt: skip


@case
def a_class_in_a_class() -> Any:
    kind: Any = settings()
    return lambda x: x * kind.Inside.rate, [lambda: setattr(kind.Inside, "rate", 3.0)]


@case
def an_array_and_a_tensor_of_a_class() -> Any:
    kind: Any = settings()
    kind.bias = tg.Tensor(np.ones(3), requires_grad=False)
    return lambda x: x * kind.weight + kind.bias, [
        lambda: setattr(kind, "weight", np.full(3, 2.0)), lambda: kind.weight.__setitem__(0, 9.0),
        lambda: kind.bias.assign(np.full(3, 5.0)),
        lambda: setattr(kind, "bias", tg.Tensor(np.zeros(3), requires_grad=False)),
    ]  # fmt: skip


@case
def methods_and_properties() -> Any:
    kind: Any = settings()
    found = kind()
    return lambda x: found.method(x) + found.double, [
        lambda: setattr(found, "rate", 3.0), lambda: delattr(found, "rate"), lambda: setattr(kind, "rate", 5.0),
        lambda: setattr(kind, "method", lambda self, x: x * 3), lambda: setattr(found, "method", lambda x: x),
    ]  # fmt: skip


@case
def a_method_of_a_base_class() -> Any:
    base: Any = settings()

    class Child(base):  # type: ignore[misc]
        def method(self, x: Any) -> Any:
            return super().method(x) + 1

    found = Child()
    return found.method, [lambda: setattr(base, "rate", 3.0), lambda: setattr(base, "method", lambda self, x: x)]


@case
def a_descriptor_and_a_metaclass() -> Any:
    class Meta(type):
        gain = 2.0

    class Descriptor:
        def __get__(self, found: Any, kind: Any) -> Any:
            return found.inner

    class Kind(metaclass=Meta):
        value = Descriptor()
        inner = 1.0

    found = Kind()
    return lambda x: x * found.value * Kind.gain, [
        lambda: setattr(found, "inner", 3.0), lambda: setattr(Meta, "gain", 5.0)
    ]  # fmt: skip


@case
def names_that_are_computed() -> Any:
    kind: Any = settings()
    found = kind()
    found.rate_0, found.rate_1 = 1.0, 2.0

    def f(x: Any) -> Any:
        for place in range(2):
            x = x * getattr(found, f"rate_{place}")
        return x

    return f, [lambda: setattr(found, "rate_1", 5.0)]


@case
def all_attributes() -> Any:
    kind: Any = settings()
    first, second = kind(), kind()
    first.a = second.a = 2.0

    def total(found: Any) -> Any:
        return sum(vars(found).values())

    return lambda x: x * total(first) + sum(second.__dict__.values()), [
        lambda: setattr(first, "a", 3.0), lambda: setattr(first, "b", 4.0), lambda: setattr(second, "a", 9.0),
    ]  # fmt: skip


@case
def an_attribute_of_a_function_its_code_and_defaults() -> Any:
    def inner(x: Any, shift: float = 1.0) -> Any:
        return x * inner.rate + shift  # type: ignore[attr-defined]

    def other(x: Any, shift: float = 1.0) -> Any:
        return x - shift

    inner.rate = 2.0  # type: ignore[attr-defined]
    free = types.FunctionType(other.__code__, globals())
    free.__defaults__ = (1.0,)
    return lambda x: inner(x) + free(x), [
        lambda: setattr(inner, "rate", 3.0), lambda: setattr(inner, "__defaults__", (5.0,)),
        lambda: setattr(free, "__code__", (lambda x, shift: x * shift).__code__),
    ]  # fmt: skip


@case
def a_slot_that_was_empty() -> Any:
    class Slots:
        __slots__ = ("a", "b")

    found = Slots()
    found.a = 1.0
    return lambda x: x * found.a + getattr(found, "b", 0.0), [
        lambda: setattr(found, "a", 3.0), lambda: setattr(found, "b", 5.0)
    ]  # fmt: skip


@case
def a_list_and_a_dict_with_attributes() -> Any:
    class Items(list):  # type: ignore[type-arg]
        rate = 2.0

    class Table(dict):  # type: ignore[type-arg]
        def __getattr__(self, key: str) -> Any:
            return self[key]

    items, table = Items([1.0]), Table(a=1.0)
    return lambda x: x * items[0] * items.rate + table.a, [
        lambda: setattr(items, "rate", 3.0), lambda: items.__setitem__(0, 4.0), lambda: table.update(a=5.0)
    ]  # fmt: skip


@case
def views_of_dicts() -> Any:
    base = {"a": 1.0, "b": 2.0}
    proxy, chain, user = types.MappingProxyType(base), collections.ChainMap({}, base), collections.UserDict(a=1.0)
    return lambda x: x * proxy["a"] + chain["b"] + user["a"], [
        lambda: base.update(a=3.0), lambda: base.update(b=5.0), lambda: user.update(a=7.0)
    ]  # fmt: skip


@case
def holders_of_pythons_own() -> Any:
    variable = contextvars.ContextVar("variable", default=1.0)
    local, options, kept = threading.local(), argparse.Namespace(rate=1.0), settings()()
    local.rate = 1.0
    weak = weakref.ref(kept)
    return lambda x: x * variable.get() + local.rate * 2 + options.rate * 3 + weak().rate * 4 + kept.rate, [
        lambda: variable.set(3.0), lambda: setattr(local, "rate", 3.0), lambda: setattr(options, "rate", 3.0),
        lambda: setattr(kept, "rate", 3.0),
    ]  # fmt: skip


@case
def what_a_compiled_function_inside_finds() -> Any:
    found = {"rate": 2.0}
    inner = tg.compile(lambda x: x * found["rate"])

    class Model:
        rate = 1.0

        @tg.compile
        def run(self, x: Any) -> Any:
            return x * self.rate

    model = Model()
    return lambda x: inner(x) + model.run(x), [lambda: found.update(rate=3.0), lambda: setattr(model, "rate", 5.0)]


@case
def what_a_cached_function_is_for() -> Any:
    @functools.lru_cache
    def mask(size: int) -> Any:
        return np.tril(np.ones((size, size)))

    found = {"size": 3}
    return lambda x: x[:, : found["size"]] @ mask(found["size"]), [lambda: found.update(size=2)]


@case
def equal_but_not_the_same() -> Any:
    found: dict[str, Any] = {"sign": 0.0, "number": 1, "pair": (1, 2)}
    whole = np.array([1, 2])
    return lambda x: (np.copysign(x, found["sign"]), whole * found["number"], whole * found["pair"][0]), [
        lambda: found.update(sign=-0.0), lambda: found.update(number=1.0), lambda: found.update(pair=(1.0, 2)),
        lambda: found.update(number=True),
    ]  # fmt: skip


@case
def what_is_made_inside_reads_what_is_outside() -> Any:
    base = {"rate": 1.0}

    class Made:
        def __init__(self) -> None:
            self.rate = base["rate"]

    return lambda x: x * Made().rate, [lambda: base.update(rate=3.0)]


def _imports(x: Any) -> Any:
    from tests.compiler import programs as found

    return x * found.rate  # type: ignore[attr-defined]


def _imports_a_name(x: Any) -> Any:
    from tests.compiler.programs import rate  # type: ignore[attr-defined]

    return x * rate


@case
def imports_inside() -> Any:
    from tests.compiler import programs

    programs.rate = 1.0  # type: ignore[attr-defined]
    return lambda x: _imports(x) + _imports_a_name(x), [lambda: setattr(programs, "rate", 2.0)]


@case
def globals_by_name() -> Any:
    globals()["a_setting"] = 1.0
    return lambda x: x * globals()["a_setting"], [lambda: globals().update(a_setting=2.0)]


@pytest.mark.parametrize("name", CASES)
def test_what_changes_is_seen(name: str) -> None:
    function, changes = CASES[name]()
    compiled = tg.compile(function)
    for change in [lambda: None, *changes]:
        change()
        for _ in range(2):
            for got, wanted in zip(_results(compiled(X)), _results(function(X)), strict=True):
                assert got.dtype == wanted.dtype
                np.testing.assert_array_equal(got, wanted)
                np.testing.assert_array_equal(np.signbit(got), np.signbit(wanted))
    assert len(compiled.signatures) <= len(changes) + 1, "what did not change was compiled again"


def _results(result: Any) -> list[Any]:
    items = result if isinstance(result, tuple) else (result,)
    return [item.data if isinstance(item, tg.Tensor) else item for item in items]


def test_arguments_that_python_calls_equal_are_told_apart() -> None:
    @dataclasses.dataclass(frozen=True)
    class Options:
        rate: Any

    whole = np.array([1, 2])
    fixed = tg.compile(lambda x, k: x * k, static_argnames="k")
    for k in (1, 1.0, True, 1):
        assert fixed(whole, k).dtype == (whole * k).dtype
    pairs = tg.compile(lambda x, k: x * k[0], static_argnames="k")
    objects = tg.compile(lambda x, options: x * options.rate)
    for k in (1, 1.0, 1):
        assert pairs(whole, (k,)).dtype == (whole * k).dtype
        assert objects(whole, Options(k)).dtype == (whole * k).dtype
    signs = tg.compile(lambda x, k: np.copysign(x, k), static_argnames="k")
    for k in (0.0, -0.0, 0.0):
        np.testing.assert_array_equal(signs(X, k), np.copysign(X, k))
    assert len(fixed.signatures) == 3
    assert len(pairs.signatures) == len(objects.signatures) == len(signs.signatures) == 2


def test_what_numpy_is_asked_for_is_no_attribute_of_the_users() -> None:
    class Trainer:
        def __init__(self) -> None:
            self.log: list[float] = []

        @tg.compile
        def step(self, x: Any) -> Any:
            return np.log(x)

    trainer = Trainer()
    for _ in range(3):
        trainer.log.append(float(np.sum(trainer.step(X))))
    assert len(Trainer.step.signatures) == 1


@pytest.mark.parametrize("kind", ["list", "deque", "dict", "set", "class", "function", "taken away"])
def test_what_the_function_changes_is_refused_and_as_it_was(kind: str) -> None:
    items, row, table, names = [1.0], collections.deque([1.0], maxlen=1), {"a": 1.0, "b": 2.0}, {"a"}
    whole: Any = settings()

    def inner(x: Any) -> Any:
        return x

    inner.count = 0  # type: ignore[attr-defined]

    def f(x: Any) -> Any:
        if kind == "list":
            items.append(x)
        elif kind == "deque":
            row.append(x)
        elif kind == "dict":
            table["c"] = x
        elif kind == "set":
            names.add("b")
        elif kind == "class":
            whole.rate += 1
        elif kind == "function":
            inner.count += 1  # type: ignore[attr-defined]
        else:
            table.pop("a")
        return inner(x)

    with pytest.raises(tg.UnsupportedError, match="Return what is to be kept"):
        tg.compile(f)(X)
    assert (items, list(row), list(table), names) == ([1.0], [1.0], ["a", "b"], {"a"})
    assert table == {"a": 1.0, "b": 2.0}
    assert whole.rate == 1.0
    assert inner.count == 0  # type: ignore[attr-defined]


def test_a_table_of_numbers_hides_nothing() -> None:
    table, others = [0.5] * 300_000, {"rate": 1.0}
    found = {"table": table, "others": others}
    compiled = tg.compile(lambda x: x * found["table"][7] * found["others"]["rate"])
    np.testing.assert_array_equal(compiled(X), X * 0.5)
    others["rate"] = 2.0
    np.testing.assert_array_equal(compiled(X), X)
    table[7] = 2.0
    np.testing.assert_array_equal(compiled(X), X * 4)

    def f(x: Any) -> Any:
        table[3] = 1.0
        return x

    with pytest.raises(tg.UnsupportedError, match="changed the items of table"):
        tg.compile(f)(X)
    assert table[3] == 0.5


def test_an_object_that_answers_to_any_name_is_not_asked() -> None:
    class Willing:
        rate = 2.0

        def __getattr__(self, name: str) -> Any:
            return self

        def __call__(self, *args: Any) -> Any:
            raise AssertionError("nobody meant it")

    class Holder:
        willing = Willing()
        rate = 1.0

    willing, holder = Willing(), Holder()
    compiled = tg.compile(lambda x: x * willing.rate * holder.willing.rate)
    np.testing.assert_array_equal(compiled(X), X * 4)
    willing.rate = 3.0
    np.testing.assert_array_equal(compiled(X), X * 6)


@pytest.mark.parametrize(
    "values",
    [
        [np.float32(0.0), np.float32(-0.0)], [np.float16(-0.0), np.float16(0.0)], [0j, complex(0.0, -0.0)],
        [np.complex64(0), np.complex64(complex(0.0, -0.0))], [0.0, -0.0], [1, True, 1.0], [np.nan, 1.0, np.nan],
    ],
    ids=repr,
)  # fmt: skip
@pytest.mark.parametrize("holder", [list, dict, set])
def test_numbers_outside_that_are_called_equal(values: list[Any], holder: Any) -> None:
    held: Any = {0: values[0]} if holder is dict else holder([values[0]])
    signs = np.array([1.0, 2.0])

    def f(x: Any) -> Any:
        (value,) = held.values() if holder is dict else held
        return x * np.sqrt(value - 1 + 0j) + np.copysign(1, np.imag(value)) + np.copysign(1, np.real(value)), value

    compiled = tg.compile(f)
    for value in [*values, *values]:
        if holder is set:
            held.clear()
            held.add(value)
        else:
            held[0] = value
        got, wanted = compiled(signs), f(signs)
        np.testing.assert_array_equal(got[0], wanted[0])
        assert got[1] == wanted[1] or value != value


@pytest.mark.parametrize(
    "text",
    [
        str, repr, ascii, format, lambda word: f"{word}", lambda word: f"{word!r}", lambda word: "%s" % word,  # noqa: UP031
        lambda word: "{}".format(word), lambda word: " ".join(map(str, [word])),  # noqa: UP032
        lambda word: copy.copy(word)._length * "a", lambda word: copy.deepcopy(word)._length * "a",
    ],
)  # fmt: skip
@pytest.mark.parametrize("of_class", [False, True])
def test_methods_that_nobody_names(text: Any, of_class: bool) -> None:
    class Word:
        length = 1

        def __str__(self) -> str:
            return "a" * (Word if of_class else self).length

        def __repr__(self) -> str:
            return str(self)

        def __copy__(self) -> Word:
            made = Word()
            made._length = (Word if of_class else self).length  # type: ignore[attr-defined]
            return made

        def __deepcopy__(self, memo: Any) -> Word:
            return self.__copy__()

    word = Word()
    compiled = tg.compile(lambda x: x * len(text(word)))
    if text in (str, repr, ascii, format):
        name = text.__name__
        compiled = tg.compile(eval(f"lambda x: x * len({name}(word))", {"word": word, "__name__": __name__}))
    for length in (1, 2, 3):
        (Word if of_class else word).length = length
        np.testing.assert_array_equal(compiled(X), X * length)


@pytest.mark.parametrize("args", [(), (2.0,)])
def test_a_methodcaller_names_a_method(args: Any) -> None:
    class Model:
        rate = 1.0

        def scaled(self, by: float = 1.0) -> float:
            return self.rate * by

        def loaded(self, by: Any) -> Any:
            return self.rate * by[0]

    model, load = Model(), [1.0]
    call = operator.methodcaller("sca" + "led", *args)
    with_names = operator.methodcaller("loa" + "ded", by=load)
    compiled = tg.compile(lambda x: x * call(model) + with_names(model))
    for model.rate in (1.0, 2.0, 3.0):
        load[0] += 1.0
        np.testing.assert_array_equal(compiled(X), X * call(model) + with_names(model))


def test_an_object_that_numpy_makes_an_array_of() -> None:
    class Column:
        def __init__(self) -> None:
            self.values = [1.0, 2.0, 3.0]

        def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
            return np.array(self.values, dtype)

    column = Column()
    compiled = tg.compile(lambda x: np.multiply(x, column) + np.where(x > 2, column, 0.0))
    for value in (1.0, 5.0, 7.0):
        column.values[0] = value
        np.testing.assert_array_equal(compiled(X), X * column.values + np.where(X > 2, column.values, 0.0))


def test_a_ufunc_is_compared_by_identity_and_never_read() -> None:
    scaled = np.frompyfunc(lambda item: item * 2, 1, 1)
    assert all(is_value(item) for item in (np.sin, np.matmul, scipy.special.expit))
    assert not is_value(scaled)  # whose function may read what changes
    lib = types.SimpleNamespace(wave=np.sin)
    compiled = tg.compile(lambda x: lib.wave(x))
    np.testing.assert_array_equal(compiled(X), np.sin(X))
    lib.wave = np.cos
    np.testing.assert_array_equal(compiled(X), np.cos(X))


def test_an_object_of_another_class_and_a_class_of_other_bases() -> None:
    class Slow:
        rate = 1.0

    class Fast:
        rate = 2.0

    class Own(Slow):
        pass

    thing, own = Slow(), Own()
    compiled = tg.compile(lambda x: x * thing.rate + own.rate)
    for kind, base in ((Slow, Slow), (Fast, Slow), (Fast, Fast), (Slow, Fast), (Slow, Slow)):
        thing.__class__ = kind  # type: ignore[assignment]
        Own.__bases__ = (base,)
        np.testing.assert_array_equal(compiled(X), X * kind.rate + base.rate)


W1 = tg.Tensor(np.ones((2, 3)))
A_BOX = types.SimpleNamespace(parameters=[W1])


def _cost(x: Any) -> Any:
    return np.mean(np.tanh(x @ W1)) + len(A_BOX.parameters)


def test_a_tensor_has_its_variables_name_in_every_process() -> None:
    @tg.compile
    def learn(x: Any) -> Any:
        loss = _cost(x)
        for parameter in A_BOX.parameters:
            parameter.grad = None
        loss.backward()
        return A_BOX.parameters[0].grad

    learn(np.ones((4, 2)))
    assert "W1" in [node.name for node in learn.graph.inputs]
