"""Whatever a value is kept in outside, a compiled function sees that it changed, or refuses to use it.

Each case makes something outside, a function that uses it, and what somebody does to it from call to call.
"""

from __future__ import annotations

import array
import collections
import contextvars
import ctypes
import dataclasses
import datetime
import decimal
import fractions
import functools
import io
import itertools
import logging
import math
import mmap
import operator
import os
import pathlib
import queue
import random
import secrets
import sys
import threading
import time
import types
import uuid
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygraph as tg
from tinygraph.compiler.guards.contents import READ_AT_EACH_CALL
from tinygraph.data import batches

pytestmark = pytest.mark.usefixtures("double_precision")

X = np.arange(6.0).reshape(2, 3) + 1


class Thing:
    """Something with attributes."""

    rate: Any = 1.0

    def __init__(self, **attributes: Any) -> None:
        vars(self).update(attributes)

    def method(self) -> Any:
        return self.rate


def watched() -> dict[str, Any]:
    """By name a function of x, and changes of what it finds."""
    cases: dict[str, Any] = {}

    def add(name: str, function: Callable[[Any], Any], *changes: Callable[[], Any]) -> None:
        cases[name] = (function, changes)

    # --- arrays that are no arguments, and memory -------------------------------------------------------------------
    objects = np.array([1.0, [2.0], Thing()], dtype=object)
    add("an array of objects", lambda x: x * objects[0] * objects[1][0] * objects[2].rate,
        lambda: objects.__setitem__(0, 5.0), lambda: objects[1].append(1.0), lambda: objects[1].__setitem__(0, 3.0),
        lambda: setattr(objects[2], "rate", 7.0))  # fmt: skip
    texts, days = np.array(["cat", "dog"]), np.array(["2020-01-01"], dtype="M8[D]")
    add("an array of texts", lambda x: x * 2 if texts[0] == "cat" else x, lambda: texts.__setitem__(0, "cow"))
    add("an array of dates", lambda x: x * days[0].astype(int), lambda: days.fill(np.datetime64("2021-02-03")))
    rows = np.array([(1.0, 2)], dtype=[("a", "f8"), ("b", "i4")])
    records = rows.copy().view(np.recarray)
    add("an array of rows", lambda x: x * rows["a"][0], lambda: rows.__setitem__(0, (5.0, 1)))
    add("an array of records", lambda x: x * records.a[0], lambda: records.__setitem__(0, (5.0, 1)))

    class Own(np.ndarray):
        extra: float

    own = np.ones(3).view(Own)
    own.extra = 1.0
    add("a subclass of arrays", lambda x: x * own.extra * float(own[1]), lambda: setattr(own, "extra", 5.0),
        lambda: own.__setitem__(1, 3.0))  # fmt: skip
    masked = np.ma.array([1.0, 2.0], mask=[False, False])
    add("a masked array", lambda x: x * float(masked.sum()), lambda: masked.__setitem__(0, 5.0),
        lambda: masked.mask.__setitem__(1, True))  # fmt: skip
    flat = np.ones(4)
    add("the shape of an array", lambda x: x * flat.shape[0], lambda: flat.resize((2, 2), refcheck=False))
    summed = np.ones(3)
    total = summed.sum
    add("a method of an array", lambda x: x * total(), lambda: summed.__setitem__(0, 5.0))
    numbers, letters, shared = array.array("d", [1.0, 2.0]), bytearray(b"ab"), bytearray(b"ab")
    add("array.array", lambda x: x * numbers[0] * len(numbers), lambda: numbers.__setitem__(0, 5.0),
        lambda: numbers.append(3.0))  # fmt: skip
    add("bytearray", lambda x: x * letters[0], lambda: letters.__setitem__(0, 5))
    view = memoryview(shared)
    add("memoryview", lambda x: x * view[0], lambda: shared.__setitem__(0, 5))
    pair, number, mapped = (ctypes.c_double * 2)(1.0, 2.0), ctypes.c_double(1.0), mmap.mmap(-1, 8)

    class Struct(ctypes.Structure):
        _fields_ = [("rate", ctypes.c_double)]

    struct = Struct(1.0)
    add("ctypes", lambda x: x * pair[0] * number.value * struct.rate, lambda: pair.__setitem__(0, 5.0),
        lambda: setattr(number, "value", 5.0), lambda: setattr(struct, "rate", 5.0))  # fmt: skip
    add("mmap", lambda x: x + mapped[0], lambda: mapped.__setitem__(0, 5))

    # --- what holds something, and what leads there -----------------------------------------------------------------
    user, items, text = collections.UserDict(a=1.0), collections.UserList([1.0]), collections.UserString("a")
    add("UserDict, UserList, UserString", lambda x: x * user["a"] * items[0] if text == "a" else x,
        lambda: user.update(a=5.0), lambda: items.append(2.0), lambda: items.__setitem__(0, 3.0),
        lambda: setattr(text, "data", "b"))  # fmt: skip

    class Table(collections.UserDict):  # type: ignore[type-arg]
        pass

    table = Table(a=1.0)
    add("a subclass of UserDict", lambda x: x * table["a"], lambda: table.update(a=5.0))
    first, second = Thing(), Thing()
    by_value, by_key = weakref.WeakValueDictionary(a=first), weakref.WeakKeyDictionary({first: 1.0})
    some = weakref.WeakSet([first])
    add("weak dictionaries and sets", lambda x: x * by_value["a"].rate * by_key[first] * len(some),
        lambda: setattr(first, "rate", 5.0), lambda: by_key.__setitem__(first, 3.0),
        lambda: some.add(second))  # fmt: skip
    third = Thing()
    proxy, method = weakref.proxy(third), weakref.WeakMethod(third.method)
    add("weak proxies and methods", lambda x: x * proxy.rate * method()(), lambda: setattr(third, "rate", 5.0))
    base = {"a": 1.0}
    values, pairs, get = base.values(), base.items(), base.get
    add("views and methods of a dict", lambda x: x * sum(values) * len(pairs) * get("a"), lambda: base.update(b=3.0),
        lambda: base.update(a=3.0))  # fmt: skip
    chain, counted = collections.ChainMap({}, {"a": 1.0}), collections.Counter(a=1)
    add("ChainMap and Counter", lambda x: x * chain["a"] * counted["a"], lambda: chain.update(a=3.0),
        lambda: chain.maps[0].clear(), lambda: counted.update(a=2))  # fmt: skip
    inside = Thing(rate=np.ones(3))
    frozen, keyed = frozenset([inside]), {inside: 1.0}
    add("in a frozenset, and as a key", lambda x: x * next(iter(frozen)).rate + next(iter(keyed)).rate,
        lambda: inside.rate.__setitem__(0, 5.0), lambda: setattr(inside, "rate", np.zeros(3)))  # fmt: skip
    variable, contained = contextvars.ContextVar("variable", default=1.0), [1.0]
    variable.set(contained)  # type: ignore[arg-type]
    add("a context variable", lambda x: x * variable.get()[0], lambda: contained.__setitem__(0, 5.0),  # type: ignore[index]
        lambda: variable.set([2.0]))  # type: ignore[arg-type]  # fmt: skip
    os.environ["TINYGRAPH_OUTSIDE"] = "1"
    add("the environment", lambda x: x * float(os.environ["TINYGRAPH_OUTSIDE"]),
        lambda: os.environ.update(TINYGRAPH_OUTSIDE="5"))  # fmt: skip
    math.outside = 1.0  # type: ignore[attr-defined]
    add("an attribute of a library's module", lambda x: x * math.outside,  # type: ignore[attr-defined]
        lambda: setattr(math, "outside", 5.0))  # fmt: skip
    module = types.ModuleType("module")
    module.rate = 1.0  # type: ignore[attr-defined]
    add("an attribute of a module", lambda x: x * module.rate, lambda: setattr(module, "rate", 5.0))

    # --- functions --------------------------------------------------------------------------------------------------
    def keywords(x: Any, *, rate: Any = 1.0) -> Any:
        return x * rate

    add("__kwdefaults__", keywords, lambda: keywords.__kwdefaults__.update(rate=5.0),
        lambda: setattr(keywords, "__kwdefaults__", {"rate": 7.0}))  # fmt: skip
    add("__kwdefaults__ of a function inside", lambda x: keywords(x), lambda: keywords.__kwdefaults__.update(rate=9.0))

    def defaults(x: Any, rates: Any = ([1.0], {"a": 2.0})) -> Any:
        return x * rates[0][0] * rates[1]["a"]

    add("defaults", lambda x: defaults(x), lambda: defaults.__defaults__[0][0].__setitem__(0, 5.0),  # type: ignore[index]
        lambda: defaults.__defaults__[0][1].update(a=5.0))  # type: ignore[index]  # fmt: skip
    bound: list[Any] = [1.0]
    partial = functools.partial(lambda items, x, rate: x * items[0] * rate, bound, rate=1.0)
    add("partial", partial, lambda: bound.__setitem__(0, 5.0), lambda: partial.keywords.update(rate=3.0))
    builtin = functools.partial(operator.getitem, bound, 0)
    add("partial of a compiled function of Python's", lambda x: x * builtin(), lambda: bound.__setitem__(0, 6.0))

    class Methods:
        rates = [1.0]

        def scaled(self, x: Any, rates: Any) -> Any:
            return x * rates[0]

        scaling = functools.partialmethod(scaled, rates=rates)

        @property
        def rate(self) -> Any:
            return self.rates[0]

    methods = Methods()
    add("partialmethod and property", lambda x: methods.scaling(x) * methods.rate,
        lambda: Methods.rates.__setitem__(0, 5.0))  # fmt: skip

    @functools.singledispatch
    def dispatched(item: Any) -> Any:
        return 1.0

    add("singledispatch", lambda x: x * dispatched(3), lambda: dispatched.register(int, lambda item: 5.0))
    each = [1.0]
    vectorized = np.vectorize(lambda item: item * each[0])
    add("np.vectorize", lambda x: x * vectorized(np.ones(3)), lambda: each.__setitem__(0, 5.0))

    # --- objects of libraries, and of classes that extend Python's --------------------------------------------------
    class Float(float):
        extra = 1.0

    class Text(str):
        extra = 1.0

    extended, word = Float(2.0), Text("a")
    add("numbers and texts with attributes", lambda x: x * extended.extra * word.extra,
        lambda: setattr(extended, "extra", 5.0), lambda: setattr(word, "extra", 5.0))  # fmt: skip
    settings: Any = Thing(a=fractions.Fraction(1, 2), b=decimal.Decimal("1.5"), c=datetime.date(2020, 1, 1),
                          d=pathlib.PurePath("a"))  # fmt: skip
    add("values", lambda x: x * float(settings.a) * float(settings.b) * settings.c.year * len(settings.d.parts),
        lambda: setattr(settings, "a", fractions.Fraction(1, 3)), lambda: setattr(settings, "b", decimal.Decimal(2)),
        lambda: setattr(settings, "c", datetime.date(2021, 1, 1)),
        lambda: setattr(settings, "d", pathlib.PurePath("a/b")))  # fmt: skip
    polynomial = np.polynomial.Polynomial([1.0, 2.0])
    add("a polynomial", lambda x: x * polynomial(2.0), lambda: polynomial.coef.__setitem__(0, 5.0))
    tensor = tg.Tensor(np.ones(3))
    add("whether a Tensor requires a gradient", lambda x: x * 2 if tensor.requires_grad else x,
        lambda: setattr(tensor, "requires_grad", False))  # fmt: skip

    @dataclasses.dataclass(slots=True)
    class Slots:
        rate: Any = 1.0
        items: Any = dataclasses.field(default_factory=lambda: [1.0])

    slots = Slots()
    add("a dataclass", lambda x: x * slots.rate * dataclasses.asdict(slots)["items"][0],
        lambda: setattr(slots, "rate", 5.0), lambda: slots.items.__setitem__(0, 3.0))  # fmt: skip
    return cases


WATCHED = list(watched())


@pytest.mark.parametrize("name", WATCHED)
def test_what_changes_outside_is_seen(name: str) -> None:
    function, changes = watched()[name]
    compiled = tg.compile(function)
    for change in (lambda: None, *changes):
        change()
        for _ in range(2):
            np.testing.assert_allclose(compiled(X), function(X), rtol=1e-14)
    assert len(compiled.signatures) <= len(changes) + 1, "what did not change was compiled again"


def test_objects_of_pandas_and_scipy_are_read_whole() -> None:
    pandas = pytest.importorskip("pandas")
    interpolate, stats = pytest.importorskip("scipy.interpolate"), pytest.importorskip("scipy.stats")
    series, frame = pandas.Series([1.0, 2.0, 3.0]), pandas.DataFrame({"a": [1.0, 2.0, 3.0]})
    spline, normal = interpolate.CubicSpline([0, 1, 2.0], [1.0, 2.0, 3.0]), stats.norm(loc=1.0)

    def f(x: Any) -> Any:
        return x * series.to_numpy() * frame["a"].to_numpy() * float(spline(0.5)) * normal.mean()

    compiled = tg.compile(f)
    changes: list[Callable[[], Any]] = [
        lambda: None, lambda: series.__setitem__(0, 5.0), lambda: frame.__setitem__("a", [5.0, 1.0, 1.0]),
        lambda: spline.c.__setitem__(slice(None), 5.0), lambda: normal.kwds.update(loc=5.0),
    ]  # fmt: skip
    for change in changes:
        change()
        for _ in range(2):
            np.testing.assert_array_equal(compiled(X), f(X))


# --- what cannot be watched, and what steers --------------------------------------------------------------------------


def refused() -> dict[str, Any]:
    """By name a function that is refused, what is given to it after x, and what must not have moved."""
    cases: dict[str, Any] = {}

    def add(name: str, function: Callable[..., Any], state: Callable[[], Any] = lambda: 0, *given: Any) -> None:
        cases[name] = (function, state, given)

    # --- generators -------------------------------------------------------------------------------------------------
    def numpys() -> Any:
        return np.random.get_state()[1:3]

    python, old, new = random.Random(0), np.random.RandomState(0), np.random.default_rng(0)
    twister = np.random.Generator(np.random.MT19937(0))
    bits = np.random.PCG64(0)
    drawing, sampling, normal = random.random, np.random.rand, new.normal
    add("random", lambda x: x[::-1] if random.random() < 2 else x, random.getstate)
    add("random.choice", lambda x: x * random.choice([1, 1]), random.getstate)
    add("a method of random", lambda x: x if drawing() < 2 else -x, random.getstate)
    add("random.Random", lambda x: x if python.random() < 2 else -x, python.getstate)
    add("np.random", lambda x: x if np.random.rand() < 2 else -x, numpys)
    add("np.random.seed", lambda x: (np.random.seed(0), x)[1], numpys)
    add("a method of np.random", lambda x: x if sampling() < 2 else -x, numpys)
    add("RandomState", lambda x: x if old.rand() < 2 else -x, lambda: old.get_state()[2])
    add("Generator", lambda x: x if new.random() < 2 else -x, lambda: new.bit_generator.state)
    add("a method of a Generator", lambda x: x if normal() < 99 else -x, lambda: new.bit_generator.state)
    add("a Generator with arrays in its state", lambda x: x if twister.random() < 2 else -x,
        lambda: twister.bit_generator.state["state"]["pos"])  # fmt: skip
    add("a bit generator", lambda x: x if bits.random_raw() >= 0 else -x, lambda: bits.state)
    add("a Generator as argument", lambda x, g: x if g.random() < 2 else -x, lambda: new.bit_generator.state, new)
    add("a Generator in an argument", lambda x, g: x if g["a"][0].random() < 2 else -x,
        lambda: new.bit_generator.state, {"a": [new]})  # fmt: skip
    add("Random as argument", lambda x, g: x if g.random() < 2 else -x, python.getstate, python)
    layer = tg.nn.Dropout(0.5, seed=0)
    add("the generator of a layer", lambda x: x if layer.generator.random() < 2 else -x,
        lambda: layer.generator.bit_generator.state)  # fmt: skip
    held = np.array([new], dtype=object)
    add("a Generator in an array", lambda x: x if held[0].random() < 2 else -x, lambda: new.bit_generator.state)
    add("an unseeded Generator", lambda x: x if np.random.default_rng().random() < 2 else -x)
    add("an unseeded Random", lambda x: x if random.Random().random() < 2 else -x)
    add("os.urandom", lambda x: x if os.urandom(1)[0] < 999 else -x)
    add("secrets", lambda x: x if secrets.randbelow(3) < 9 else -x)
    add("uuid", lambda x: x if uuid.uuid4().int >= 0 else -x)

    class Shuffled:
        def __init__(self) -> None:
            self.generator = np.random.default_rng(0)

        def __iter__(self) -> Any:
            for place in self.generator.permutation(2):
                yield [1.0, 1.0][place]

    loader = Shuffled()
    add("a loader that shuffles", lambda x: x * sum(loader), lambda: loader.generator.bit_generator.state)

    # --- iterators --------------------------------------------------------------------------------------------------
    taken: list[int] = []

    def given_one_by_one() -> Any:
        for place in range(9):
            taken.append(place)
            yield 1.0

    def state() -> Any:
        return list(taken)

    plain, attribute, listed = given_one_by_one(), Thing(rate=given_one_by_one()), [[given_one_by_one()]]
    tupled, step = ([(given_one_by_one(),)],), given_one_by_one().__next__
    again = functools.partial(next, given_one_by_one())
    frozen = frozenset([given_one_by_one()])
    chained, mapped = itertools.chain(given_one_by_one()), map(taken.append, [1, 2])
    add("a generator", lambda x: x * next(plain), state)
    add("a generator in a loop", lambda x: sum(x * item for item in plain), state)
    add("a generator of an object", lambda x: x * next(attribute.rate), state)
    add("a generator in lists", lambda x: x * next(listed[0][0]), state)
    add("a generator in tuples", lambda x: x * next(tupled[0][0][0]), state)
    add("a generator's method", lambda x: x * step(), state)
    add("a generator in a partial", lambda x: x * again(), state)
    add("a generator in a set", lambda x: x * next(next(iter(frozen))), state)
    add("a generator as argument", lambda x, items: x * next(items), state, given_one_by_one())
    add("a generator in an argument", lambda x, items: x * next(items[0]), state, [given_one_by_one()])

    def by_default(x: Any, items: Any = given_one_by_one(), *, others: Any = given_one_by_one()) -> Any:  # noqa: B008
        return x * next(items) * next(others)

    add("a generator as default", by_default, state)
    add("itertools.chain", lambda x: x * next(chained), state)
    add("map", lambda x: x if next(mapped) is None else -x, state)
    cycle, count, lines = itertools.cycle([1.0]), itertools.count(), io.StringIO("1\n2\n")
    add("itertools.cycle", lambda x: x * next(cycle))
    add("itertools.count", lambda x: x + 0 * next(count), lambda: repr(count))
    add("a file", lambda x: x * float(lines.readline()), lines.tell)
    rows = batches(np.ones((4, 3)), size=2)
    add("tg.data.batches", lambda x: x * next(rows)[0])

    class Loader:
        place = 0

        def __iter__(self) -> Any:
            return self

        def __next__(self) -> Any:
            self.place += 1
            return 1.0

    own = Loader()
    add("a loader of the user's", lambda x: x * next(own), lambda: own.place)

    # --- what a program would not do, or not see ----------------------------------------------------------------------
    clock, log = time.perf_counter, logging.getLogger("nobody")
    add("time", lambda x: x if time.time() > 0 else -x)
    add("a clock by another name", lambda x: x if clock() > 0 else -x)
    add("datetime", lambda x: x if datetime.datetime.now().year > 0 else -x)
    add("today", lambda x: x if datetime.date.today().year > 0 else -x)
    add("print", lambda x: (print("seen"), x)[1])
    add("logging", lambda x: (log.critical("seen"), x)[1])
    add("the terminal", lambda x: (sys.stdout.write("seen"), x)[1])
    add("os.getenv", lambda x: x * len(os.getenv("PATH", "")))
    add("a file's text", lambda x: x * len(pathlib.Path(__file__).read_text()))
    for read in (np.load, np.loadtxt, np.genfromtxt, np.fromfile):
        add(f"np.{read.__name__}", lambda x, read=read: x * read(__file__).size)
    add("a folder", lambda x: x * len([*os.scandir(pathlib.Path(__file__).parent)]))
    add("the folder", lambda x: x * len(os.getcwd()))
    add("the time as text", lambda x: x * len(time.strftime("%S")))
    waiting, lock, event = queue.Queue[int](), threading.Lock(), threading.Event()
    add("a queue", lambda x: x * (waiting.qsize() + 1), waiting.qsize)
    add("an event", lambda x: x * 2 if event.is_set() else x)

    def locked(x: Any) -> Any:
        with lock:
            return x * 2

    add("a lock", locked, lock.locked)
    numbers, letters, names = array.array("d", [1.0]), bytearray(b"a"), np.array(["a"], dtype=object)
    add("appends to array.array", lambda x: (numbers.append(2.0), x)[1], numbers.tolist)
    add("writes into bytearray", lambda x: (letters.__setitem__(0, 3), x)[1], lambda: bytes(letters))
    add("writes into an array of objects", lambda x: (names.__setitem__(0, x), x)[1], names.tolist)
    add("sets the environment", lambda x: (os.environ.update(TINYGRAPH_OUTSIDE="9"), x)[1], lambda: dict(os.environ))
    return cases


@pytest.mark.parametrize("name", list(refused()))
def test_what_a_program_cannot_repeat_is_refused_and_as_it_was(name: str, capsys: Any) -> None:
    function, state, given = refused()[name]
    before = repr(state())
    for _ in range(2):
        with pytest.raises(tg.UnsupportedError, match="compile: ") as caught:
            tg.compile(function)(X, *given)
        assert "test_outside.py:" in str(caught.value) or "_by_one" in str(caught.value) or given or "set" in name
        assert repr(state()) == before
    assert "seen" not in capsys.readouterr().out


def test_what_is_not_used_is_not_refused() -> None:
    trainer = Thing(lock=threading.Lock(), log=logging.getLogger("nobody"), items=iter([1.0]), rate=2.0)
    count, used = itertools.count(), False
    numbered = count.__next__

    def f(x: Any) -> Any:
        if used:
            with trainer.lock:
                trainer.log.info(next(trainer.items), numbered())
        return x * trainer.rate

    np.testing.assert_array_equal(tg.compile(f)(X), X * 2)
    assert next(trainer.items) == 1.0
    assert next(count) == 0


def test_generators_with_a_seed_that_are_made_inside_draw_the_same() -> None:
    def f(x: Any) -> Any:
        return (
            x * np.random.default_rng(0).normal(size=3) + np.random.RandomState(1).rand(3) + random.Random(2).random()
        )

    np.testing.assert_array_equal(tg.compile(f)(X), f(X))


def test_a_mapped_file_is_an_argument(tmp_path: Any) -> None:
    large = np.memmap(tmp_path / "large", dtype=np.float64, mode="w+", shape=(3, 100_000))
    compiled = tg.compile(lambda x: x @ large)
    for value in (1.0, 2.0):
        large[1, 1] = value
        np.testing.assert_allclose(compiled(X), X @ large)
    assert len(compiled.signatures) == 1


def test_an_import_and_a_warning_inside_are_no_effects() -> None:
    def f(x: Any) -> Any:
        import warnings
        import wave  # noqa: F401

        warnings.warn("heard", stacklevel=1)
        return x * 2

    with pytest.warns(UserWarning, match="heard"):
        np.testing.assert_array_equal(tg.compile(f)(X), X * 2)


def test_code_that_was_given_to_exec_is_the_users() -> None:
    found: dict[str, Any] = {"settings": {"rate": 2.0}}
    exec("f = lambda x: x * settings['rate']", found)
    compiled = tg.compile(found["f"])
    for rate in (2.0, 3.0):
        found["settings"]["rate"] = rate
        np.testing.assert_array_equal(compiled(X), X * rate)


def test_a_buffer_that_is_refilled_out_of_sight_is_refused() -> None:
    def f(x: Any) -> Any:
        buffer = vars(threading.current_thread()).setdefault("buffer", np.zeros(3))  # which nobody looks for
        buffer += 1
        return x * buffer

    try:
        with pytest.raises(
            tg.UnsupportedError, match=r"an array of shape \(3,\) is filled anew.*pass it as an argument"
        ):
            tg.compile(f)(X)
    finally:
        del vars(threading.current_thread())["buffer"]


# --- what is left behind ----------------------------------------------------------------------------------------------


class Cell:
    """A recurrent cell that keeps its state, as an attribute or in a Tensor."""

    def __init__(self, in_a_tensor: bool) -> None:
        self.w = tg.Tensor(np.full((3, 3), 0.1))
        if in_a_tensor:
            self.h: Any = tg.Tensor(np.zeros((2, 3)), requires_grad=False)
        self.kept = in_a_tensor

    def step(self, x: Any) -> Any:
        before = self.h.data if self.kept else getattr(self, "h", np.zeros((2, 3)))
        h = np.tanh((x + before) @ self.w)
        loss = np.sum(h * h)
        loss.backward()
        self.w.assign(self.w.data - 0.1 * self.w.grad)
        self.w.grad = None
        if self.kept:
            self.h.assign(h.data)
        else:
            self.h = h.data
        return loss.data


def test_an_attribute_that_is_set_inside_belongs_in_a_tensor() -> None:
    """The way out that the error names gives what an eager call gives."""
    with pytest.raises(tg.UnsupportedError, match=r"set .*h\. .*self\.h = tg\.Tensor.*self\.h\.assign\(h\)"):
        tg.compile(Cell(in_a_tensor=False).step)(X)
    eager, followed = Cell(in_a_tensor=False), Cell(in_a_tensor=True)
    compiled = tg.compile(followed.step)
    for _ in range(4):
        np.testing.assert_allclose(compiled(X), eager.step(X))
        np.testing.assert_allclose(followed.h.data, eager.h)
    changing = Cell(in_a_tensor=False)
    changing.h = np.zeros((2, 3))
    with pytest.raises(tg.UnsupportedError, match=r"changed .*h from a ndarray to a computed array.*assign"):
        tg.compile(changing.step)(X)


# --- np.errstate ------------------------------------------------------------------------------------------------------


def _ignoring(x: Any) -> Any:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.log(x)


@np.errstate(divide="ignore", invalid="ignore")
def _decorated(x: Any) -> Any:
    return np.log(x)


@pytest.mark.parametrize("function", [_ignoring, _decorated, tg.grad(lambda x: np.sum(_ignoring(x)[1:]))])
def test_errors_that_the_function_ignores_are_ignored(function: Any, recwarn: Any) -> None:
    compiled, x = tg.compile(function), np.array([0.0, -1.0, 2.0])
    np.testing.assert_array_equal(compiled(x), compiled(x))
    assert [str(warning.message) for warning in recwarn] == []
    assert '@np.errstate(divide="ignore", invalid="ignore")' in compiled.source


@pytest.mark.filterwarnings("error")
def test_errors_that_nobody_ignores_are_told() -> None:
    compiled = tg.compile(lambda x: np.log(x))
    with np.errstate(divide="ignore"):
        compiled(np.array([0.0]))
    with pytest.raises(RuntimeWarning, match="divide by zero"):
        compiled(np.array([0.0]))
    with np.errstate(divide="raise"), pytest.raises(FloatingPointError):
        compiled(np.array([0.0]))


@pytest.mark.parametrize("how", ["raise", "print", "log"])
def test_another_handling_of_errors_is_refused(how: Any) -> None:
    def f(x: Any) -> Any:
        with np.errstate(divide=how):
            return np.log(x)

    with pytest.raises(tg.UnsupportedError, match=rf'np.errstate\(divide="{how}"\) stands inside.*around the call'):
        tg.compile(f)(X)

    def g(x: Any) -> Any:
        np.seterr(divide=how)
        return np.log(x)

    before = np.geterr()
    with pytest.raises(tg.UnsupportedError, match=r"np\.seterr is called"):
        tg.compile(g)(X)
    assert np.geterr() == before


@pytest.mark.parametrize("size", [READ_AT_EACH_CALL, READ_AT_EACH_CALL + 1])
def test_what_takes_long_to_compare_is_refused(size: int) -> None:
    table = bytearray(size)
    compiled = tg.compile(lambda x: x + table[3])
    if size > READ_AT_EACH_CALL:
        with pytest.raises(tg.UnsupportedError, match=r"table is used, a bytearray.* as an argument"):
            compiled(X)
        return
    for value in (0, 7):
        table[3] = value
        np.testing.assert_array_equal(compiled(X), X + value)


def test_a_run_notes_nothing_in_a_detached_tensor_from_outside():
    w = tg.Tensor(np.arange(3.0))
    assigned, used = w.detach(), w.detach()

    @tg.compile
    def step(x):
        assigned.assign(2 * x)
        return np.sum(w * assigned * used)

    for x in (np.ones(3), np.full(3, 2.0)):
        assert step(x) == 10 * x[0]
        np.testing.assert_array_equal(assigned.data, 2 * x)
    assert assigned._link.view_of is used._link.view_of is w._link
