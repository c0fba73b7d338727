"""A saved module computes the same in a process that has no tinygraph, and warns about nothing."""

from __future__ import annotations

import linecache
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import tinygraph as tg
from tests.compiler.programs import program_of
from tinygraph.compiler.pipeline import compile_program
from tinygraph.compiler.program.program import Program
from tinygraph.compiler.saving import save_program
from tinygraph.compiler.saving.sources import Sources
from tinygraph.errors import UnsupportedError

USE = """
import sys
import numpy as np
sys.path.insert(0, {folder!r})
import step
given = np.load({given!r})
results = step.step(*[given[name] for name in given])
assert "tinygraph" not in sys.modules and "scipy" not in sys.modules
{more}
np.savez({found!r}, *results)
"""


def run_alone(folder: Path, inputs: list[Any], more: str = "") -> list[Any]:
    """The results of step.py in a process of its own, where warnings are errors."""
    given, found = folder / "given.npz", folder / "found.npz"
    np.savez(given, *inputs)
    code = USE.format(folder=str(folder), given=str(given), found=str(found), more=more)
    done = subprocess.run(
        [sys.executable, "-I", "-W", "error", "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    with np.load(found) as results:
        return [results[name] for name in results]


def training() -> tuple[Program, list[Any], list[Any]]:
    """A step of logistic regression."""

    def function(x: Any, y: Any, w: Any, b: Any) -> Any:
        z = x @ w + b
        y_head = tg.sigmoid(z)
        d_z = (y_head - y) / 50
        return np.mean(tg.softplus(z) - z * y), [w - 0.1 * (x.T @ d_z), b - 0.1 * np.sum(d_z)]

    rng = np.random.default_rng(0)
    arguments = [rng.normal(size=(50, 20)) * 100, (rng.random((50, 1)) > 0.5) * 1.0]
    variables = [rng.normal(size=(20, 1)), np.array(0.5)]
    return program_of(function, arguments, variables), arguments, variables


def test_a_training_step_with_its_parameters_beside_it(tmp_path: Path) -> None:
    program, arguments, variables = training()
    runner = compile_program(program)
    save_program(tmp_path / "step.py", runner, variables)
    assert "tinygraph" not in (tmp_path / "step.py").read_text().split("\n", 1)[1]
    again = "results = (*step.step(*[given[name] for name in given]), step.w if hasattr(step, 'w') else step.v0)"
    loss, w = run_alone(tmp_path, arguments, again)
    mine = [np.array(value) for value in variables]
    runner.run(arguments, mine)
    (expected,) = runner.run(arguments, mine)
    np.testing.assert_allclose(loss, expected, rtol=1e-12)
    np.testing.assert_allclose(w, mine[0], rtol=1e-12)


def test_a_training_step_with_its_parameters_as_arguments(tmp_path: Path) -> None:
    program, arguments, variables = training()
    runner = compile_program(program)
    save_program(tmp_path / "step.py", runner, variables, parameters="arguments")
    assert not (tmp_path / "step.npz").exists()
    more = "results = (*results[0], *results[1].values())"
    loss, w, b = run_alone(tmp_path, [*arguments, *variables], more)
    (expected,) = runner.run(arguments, variables)
    np.testing.assert_allclose(loss, expected, rtol=1e-12)
    np.testing.assert_allclose(w, variables[0], rtol=1e-12)
    np.testing.assert_allclose(b, variables[1], rtol=1e-12)


def test_numbers_keep_their_names_where_parameters_are_arguments(tmp_path: Path) -> None:
    w, rate = tg.Tensor(np.ones(20)), 0.25

    @tg.compile
    def step(d_w: Any) -> None:
        w.assign(w.data - rate * d_w)

    step(np.ones(20))
    step.save(tmp_path / "step.py", parameters="arguments")
    assert "rate = np.array(0.25)" in (tmp_path / "step.py").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("function", "inputs"),
    [
        (lambda x: np.sum(np.sin(x) * np.exp(x) + x), [np.linspace(-1, 1, 200_000)]),  # blocks and threads
        (lambda x: x @ np.arange(100.0).reshape(10, 10), [np.ones((3, 10))]),  # a large constant
        (lambda x: x * x + 1 / x, [np.array(0.5)]),  # numbers
        (lambda x: np.sum(np.linalg.inv(x) @ x), [np.eye(3) * 2]),
        (lambda x: np.sum(np.linalg.eigh(x)[0]), [np.diag([1.0, 2.0, 4.0])]),  # a function of tinygraph's
        (
            lambda x: tg.cross_entropy(x * 1000, np.array([0, 1]), from_logits=True),
            [np.array([[1.0, 2.0], [3.0, -1.0]])],
        ),
    ],
)
def test_it_needs_numpy_alone(function: Any, inputs: list[Any], tmp_path: Path) -> None:
    program = program_of(function, inputs)
    save_program(tmp_path / "step.py", compile_program(program))
    (result,) = run_alone(tmp_path, inputs)
    np.testing.assert_allclose(result, program.graph.outputs[0].value, rtol=1e-12)


def test_functions_of_numpys_modules_are_imported(tmp_path: Path) -> None:
    def step(x: Any) -> Any:
        return np.sum(np.lib.stride_tricks.sliding_window_view(x, 4)[::2] ** 3)

    gradient, x = tg.compile(tg.grad(step)), np.linspace(0, 1, 9)
    expected = gradient(x)
    gradient.save(tmp_path / "step.py")
    assert "from numpy.lib.stride_tricks import sliding_window_view" in (tmp_path / "step.py").read_text()
    np.testing.assert_allclose(run_alone(tmp_path, [x]), expected)


@pytest.mark.parametrize("ufunc", [np.subtract, np.maximum, np.hypot])
@pytest.mark.parametrize("method", ["outer", "accumulate", "reduceat"])
def test_methods_of_ufuncs_are_written_as_such(ufunc: Any, method: str, tmp_path: Path) -> None:
    x = np.array([1.0, 3.0, 2.0])
    more = {"outer": (x,), "accumulate": (), "reduceat": ([0, 2],)}[method]
    step = tg.compile(lambda x: getattr(ufunc, method)(x, *more) * 2)
    wanted = step(x)
    assert f"{ufunc.__name__}.{method}(x" in step.source
    step.save(tmp_path / "step.py")
    np.testing.assert_array_equal(run_alone(tmp_path, [x]), wanted)


def test_what_is_found_with_tinygraph_at_each_call_cannot_be_saved_and_the_way_out_works(tmp_path: Path) -> None:
    def lengths(x: Any) -> Any:
        return np.sum(np.where(x[:, 0] > 0, np.linalg.norm(x, axis=1), 0))

    def step(x: Any) -> Any:
        return np.sum(np.linalg.norm(np.where(x[:, :1] > 0, x, 0), axis=1))

    x = np.array([[1.0, 2.0], [-1.0, 1.0]])
    gradient, other = tg.compile(tg.grad(lengths)), tg.compile(tg.grad(step))
    np.testing.assert_allclose(gradient(x), other(x))
    with pytest.raises(UnsupportedError, match="apply the condition to the arguments"):
        gradient.save(tmp_path / "step.py")
    other.save(tmp_path / "step.py")
    np.testing.assert_allclose(run_alone(tmp_path, [x]), tg.grad(lengths)(x))


CHECKED = {
    "a complex derivative": (tg.jacobian(lambda z: z**2), np.array([1 + 1j, 2.0])),
    "free phases": (
        tg.grad(lambda a: np.sum(np.abs(np.linalg.eigh(a)[1]) ** 4)), np.array([[2.0, 1 + 1j], [1 - 1j, 0.5]]),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CHECKED)
def test_checks_that_raise_errors_of_tinygraph_are_written_out(name: str, tmp_path: Path) -> None:
    function, a = CHECKED[name]
    step = tg.compile(function)
    expected = step(a)
    step.save(tmp_path / "step.py")
    code = (tmp_path / "step.py").read_text()
    assert "UnsupportedError = TypeError" in code
    found: dict[str, Any] = {"__file__": str(tmp_path / "step.py"), "__name__": "step"}
    exec(compile(code, "step.py", "exec"), found)
    np.testing.assert_allclose(found["step"](a), expected)


def test_what_cannot_be_saved_is_refused(tmp_path: Path) -> None:
    shift = 1.5

    @tg.primitive
    def shifted(x: Any) -> Any:
        return x + shift

    shifted.derivative(lambda g, z, x: g)
    runner = compile_program(program_of(lambda x: shifted(x) * 2, [np.ones(3)]))
    np.testing.assert_allclose(runner.run([np.ones(3)])[0], 5.0)
    with pytest.raises(UnsupportedError, match="cannot be written into a file"):
        save_program(tmp_path / "step.py", runner)
    with pytest.raises(ValueError, match="must end in"):
        save_program(tmp_path / "step.txt", runner)
    with pytest.raises(ValueError, match="beside"):
        save_program(tmp_path / "step.py", runner, parameters="elsewhere")
    assert list(tmp_path.iterdir()) == []


def test_what_is_written_into_a_file_reads_as_it_stands_in_tinygraph(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    w = tg.Tensor(rng.normal(size=(3, 3, 2, 4)), name="w")

    @tg.compile
    def step(x: Any) -> Any:
        z = tg.max_pool2d(tg.relu(tg.conv2d(x, w)), 2)
        loss = np.mean(z**2)
        loss.backward()
        w.assign(w.data - 0.1 * w.grad)
        w.grad = None
        return loss, z.data

    x = rng.normal(size=(4, 9, 9, 2))
    step(x)
    step.save(tmp_path / "step.py")
    text = (tmp_path / "step.py").read_text()
    assert max(map(len, text.splitlines())) <= 120
    assert "import math\nfrom pathlib import Path\nfrom threading import Lock\n\nimport numpy as np\n" in text
    assert "    # " in text.partition("def step(")[0]  # the reasons are kept
    assert not [line for line in text.splitlines() if " -> " in line and line.startswith("def ")]
    for got, wanted in zip(run_alone(tmp_path, [x]), step(x), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-12)


def _with_all_that_is_left_out(
    x: Any, /, *rest: int, é: float = 1.0, **more: dict[str, int]
) -> tuple[Any, ...]:  # fmt: skip
    """A text with -> in it: x."""
    total: Any = x * é  # type: ignore[no-any-return]
    unset: int  # noqa: F842

    def inner(y: Any) -> Any:
        return y + len(rest)  # a reason

    return inner(total)


def test_annotations_and_remarks_to_checkers_are_left_out(tmp_path: Path) -> None:
    sources = Sources()
    name = sources.add(_with_all_that_is_left_out)
    text = "\n\n".join(sources.texts)
    assert "Any" not in text
    assert "# type" not in text
    assert "# fmt" not in text
    assert "A text with -> in it" in text
    assert "# a reason" in text
    found: dict[str, Any] = {}
    exec(text, found)
    assert found[name](2.0, 1, 1) == 4.0


# --- what a saved file has and refuses --------------------------------------------------------------------------------


def alone(folder: Path, code: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run some code in a process of its own in which the saved files are modules, and tinygraph is not."""
    begin = f"import sys\nsys.path.insert(0, {str(folder)!r})\nimport numpy as np\n"
    end = "\nassert 'tinygraph' not in sys.modules"
    return subprocess.run([sys.executable, "-I", *options, "-c", begin + code + end], capture_output=True, text=True)


def test_every_signature_is_in_one_file_and_others_are_refused(tmp_path: Path) -> None:
    mean = tg.compile(lambda x, scale=2.0, training=False: np.sum(x) * scale / x.shape[0])
    x = np.arange(24.0).reshape(8, 3)
    wanted = [mean(x), mean(x[:1]), mean(x, scale=3), mean(x, training=True)]
    mean.save(tmp_path / "several.py")
    text = (tmp_path / "several.py").read_text(encoding="utf-8")
    for line in (
        "x: float64(8, 3)",
        "x: float64(1, 3)",
        "x: float64(8, 3), scale: 3",
        "x: float64(8, 3), training: True",
    ):
        assert f"    {line}\n" in text.partition('"""\n\n')[0]
    done = alone(
        tmp_path,
        "import several\nx = np.arange(24.0).reshape(8, 3)\n"
        "print(*[float(v) for v in (several.step(x), several.step(x[:1]), several.step(x, scale=3), "
        "several.step(x, training=True))])\n"
        "wrong = [((x[:2],), {}), ((x.astype('f4'),), {}), ((x.tolist(),), {}), ((x, 2.0), {}),\n"
        "         ((x,), {'scale': 4}),\n"
        "         ((x,), {'scale': 3.0}), ((x,), {'training': 1}), ((x,), {'scale': 3, 'training': True}),\n"
        "         ((x.T,), {}), ((x[..., None],), {}), ((x[0, 0],), {}), (([x],), {}), ((np.matrix(x),), {}),\n"
        "         ((x.astype('>f8'),), {}), ((np.ma.masked_array(x),), {}),\n"
        "         ((), {}), ((x, 3, True, 1), {}), ((x,), {'more': 1})]\n"
        "for args, kwargs in wrong:\n"
        "    try:\n        several.step(*args, **kwargs)\n"
        "    except (ValueError, TypeError) as error:\n        message = str(error)\n"
        "    else:\n        raise AssertionError((args, kwargs))\n"
        "try:\n    several.step(x[:2])\nexcept ValueError as error:\n    print(error)",
    )
    assert done.returncode == 0, done.stderr
    numbers, message = done.stdout.strip().split("\n")
    np.testing.assert_allclose([float(word) for word in numbers.split()], wanted)
    assert "no program for x: float64(2, 3)" in message
    assert "It has one for x: float64(8, 3)" in message


def test_the_arguments_of_a_call_choose_the_program_and_compile_it_if_need_be(tmp_path: Path) -> None:
    compiled = tg.compile(lambda x: np.sum(x) / len(x))
    compiled(np.ones(3))  # the last, shorter batch of an epoch
    compiled.save(tmp_path / "step.py", np.ones(5))
    (result,) = run_alone(tmp_path, [np.arange(5.0)], "results = [results]")
    assert result == 2.0
    assert "x: float64(3,)" not in (tmp_path / "step.py").read_text(encoding="utf-8")


def test_arrays_found_outside_are_beside_the_file_and_are_no_arguments(tmp_path: Path) -> None:
    table = {"file": np.arange(100.0).reshape(4, 25), "allow_pickle": np.arange(3.0), "self": np.array([True, False])}
    compiled = tg.compile(
        lambda x: [np.sum(table["file"] @ x), x[:3] * table["allow_pickle"], table["self"] & (x[0] > 0)]
    )
    wanted = compiled(np.ones(25))
    compiled.save(tmp_path / "step.py")
    for got, expected in zip(run_alone(tmp_path, [np.ones(25)]), wanted, strict=True):
        np.testing.assert_allclose(got, expected)


def test_a_gradient_is_no_result_and_one_that_is_added_to_is_state(tmp_path: Path) -> None:
    w = tg.Tensor(np.array([1.0, 2.0]), name="w")

    @tg.compile
    def left(x: Any) -> Any:
        loss = np.sum(w * x)
        loss.backward()
        return loss

    @tg.compile
    def added(x: Any) -> Any:
        loss = np.sum(w**2 * x)
        loss.backward()
        w.assign(w.data - 0.1 * w.grad)
        return loss

    x = np.array([3.0, 4.0])
    assert left(x) == 11.0
    w.grad = None
    left.save(tmp_path / "step.py", x)
    assert "left(x)" in (tmp_path / "step.py").read_text(encoding="utf-8")
    assert alone_results(tmp_path, "left", x, 2) == [11.0, 11.0]

    w.grad = None
    with pytest.raises(UnsupportedError, match="adds to gradients that the call before left"):
        added.save(tmp_path / "step.py", x)
    added(x)
    added(x)
    added.save(tmp_path / "step.py")
    np.testing.assert_allclose(alone_results(tmp_path, "added", x, 3), [added(x) for _ in range(3)])


def alone_results(folder: Path, name: str, x: Any, times: int) -> list[float]:
    """Return the results of a saved function at some calls, in a process of its own."""
    code = f"import step\nprint(*[float(step.{name}(np.array({x.tolist()!r}))) for _ in range({times})])"
    done = alone(folder, code, "-W", "error")
    assert done.returncode == 0, done.stderr
    return [float(word) for word in done.stdout.split()]


def test_the_update_of_adam_with_its_state_as_arguments_whatever_the_tensors_are_called(tmp_path: Path) -> None:
    names = ["w", "x", "square of w", "a'b", 'c"d', "class", "np", "é", "print(1)\n#", "", "1", "step"]
    rng = np.random.default_rng(0)

    tensors = [tg.Tensor(rng.normal(size=3), name=name) for name in names]
    optimizer = tg.optim.Adam(tensors, 0.1)

    @tg.compile
    def step(x: Any) -> Any:
        loss = sum(np.sum((tensor * x) ** 2) for tensor in tensors)
        loss.backward()
        optimizer.step()
        for tensor in tensors:
            tensor.grad = None
        return loss

    x = rng.normal(size=3)
    step(x)
    step.save(tmp_path / "step.py")
    step.save(tmp_path / "pure.py", parameters="arguments")
    code = (
        "import step, pure\nvalues = dict(np.load(step.__file__[:-3] + '.npz'))\n"
        f"x = np.array({x.tolist()!r})\n"
        "import inspect\nnames = [name for name in inspect.signature(pure.step).parameters if name != 'x']\n"
        "print(len(names))\n"
        "state = dict(zip(names, values.values()))\n"
        "for _ in range(3):\n"
        "    loss, new = pure.step(x, **state)\n    state.update(new)\n    print(float(loss), float(step.step(x)))"
    )
    done = alone(tmp_path, code)
    assert done.returncode == 0, done.stderr
    count, *losses = done.stdout.strip().split("\n")
    assert int(count) == 3 * len(names) + 2
    for line in losses:
        np.testing.assert_allclose([float(word) for word in line.split()], [step(x)] * 2)


class Pair(NamedTuple):
    """A pair that the next test returns."""

    loss: Any
    parts: Any


def test_the_nest_of_the_results_is_that_of_the_function(tmp_path: Path) -> None:
    def function(batch: Any, *rest: Any, **more: Any) -> Any:
        return {"a": Pair(np.sum(batch["x"]), [more["k"], (None, "text", 3)]), 2: (rest[0] * 2,)}

    compiled = tg.compile(function)
    wanted = compiled({"x": np.ones(3)}, np.arange(2.0), k=1.5)
    compiled.save(tmp_path / "step.py")
    done = alone(tmp_path, "import step\nprint(step.function({'x': np.ones(3)}, np.arange(2.0), k=1.5))")
    assert done.stdout.strip() == str(wanted), done.stderr


def test_an_argument_that_looks_into_a_tensor_keeps_its_values_to_the_end(tmp_path: Path) -> None:
    w = tg.Tensor(np.arange(4.0), name="w")

    def step(x: Any) -> Any:
        w.assign(w.data + 1)
        return np.sum(x * w.data)

    compiled = tg.compile(step)
    compiled(np.ones(4))
    compiled.save(tmp_path / "step.py")
    code = "import step\nprint(*[float(step.step(x)) for x in (step.w, step.w[::-1], np.frombuffer(step.w))])"
    done = alone(tmp_path, code)
    assert done.returncode == 0, done.stderr
    values, wanted = np.arange(4.0) + 1, []
    for order in (slice(None), slice(None, None, -1), slice(None)):
        wanted.append(np.sum(values[order] * (values + 1)))
        values = values + 1
    np.testing.assert_allclose([float(word) for word in done.stdout.split()], wanted)


def test_objects_among_the_arguments_are_part_of_the_program(tmp_path: Path) -> None:
    class Model:
        def __init__(self, scale: float) -> None:
            self.w = tg.Tensor(np.full(3, scale))

        @tg.compile
        def predict(self, x: Any, activation: Any, *, training: bool = False) -> Any:
            return activation(self.w * x)

    one, two = Model(1.0), Model(2.0)
    one.predict(np.ones(3), np.tanh)
    two.predict(np.ones(3), np.tanh, training=True)
    two.predict.save(tmp_path / "step.py", two, np.ones(3), np.tanh)
    done = alone(tmp_path, "import step\nprint(*step.predict(np.ones(3)).tolist())\nprint(step.__doc__)")
    assert done.returncode == 0, done.stderr
    np.testing.assert_allclose([float(word) for word in done.stdout.split("\n")[0].split()], np.tanh(2.0))
    assert "self, activation are part of it" in done.stdout
    one.predict(np.ones(3), np.tanh, training=True)
    with pytest.raises(UnsupportedError, match="which a file cannot tell apart"):
        one.predict.save(tmp_path / "step.py")


def test_a_file_that_needs_scipy_says_so(tmp_path: Path) -> None:
    special = pytest.importorskip("scipy.special")
    compiled = tg.compile(lambda x: np.sum(special.ndtr(x)))
    compiled(np.ones(3))
    compiled.save(tmp_path / "step.py")
    assert "It needs NumPy and SciPy." in (tmp_path / "step.py").read_text(encoding="utf-8")
    done = alone(tmp_path, "import step\nprint(float(step.step(np.zeros(3))))")
    assert done.stdout.strip() == "1.5", done.stderr
    without = "sys.modules['scipy'] = None\ntry:\n    import step\nexcept ImportError as error:\n    print(error)"
    assert "SciPy" in alone(tmp_path, without).stdout


def test_a_save_that_fails_leaves_the_file_before_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = np.arange(50.0)
    compiled = tg.compile(lambda x: np.sum(x * table))
    compiled(np.ones(50))
    compiled.save(tmp_path / "step.py")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert sorted(before) == ["step.npz", "step.py"]
    table[0] = 7.0
    monkeypatch.setattr(np.lib.format, "write_array", lambda *args, **kwargs: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        compiled.save(tmp_path / "step.py")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_an_npz_of_another_save_is_refused(tmp_path: Path) -> None:
    for size in (3, 4):
        table = np.arange(float(size))
        compiled = tg.compile(lambda x: np.sum(x * table[:2]))
        compiled(np.ones(2))
        compiled.save(tmp_path / f"step{size}.py")
    (tmp_path / "step4.npz").replace(tmp_path / "step3.npz")
    done = alone(tmp_path, "try:\n    import step3\nexcept ImportError as error:\n    print(error)")
    assert "not from one save" in " ".join(done.stdout.split()), done.stderr


def _scaled_by(x: Any) -> Any:
    return x * _SCALE


_SCALE = 3.0


def test_a_primitive_is_written_as_it_was_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scaled = tg.primitive(_scaled_by)
    scaled.derivative(lambda g, z, x: g * _SCALE)
    compiled = tg.compile(lambda x: np.sum(scaled(x)))
    compiled(np.ones(3))
    compiled.save(tmp_path / "step.py")
    assert alone_results(tmp_path, "step", np.ones(3), 1) == [9.0]
    lines = Path(__file__).read_text(encoding="utf-8").replace("return x * _SCALE", "return x + _SCALE")
    monkeypatch.setitem(linecache.cache, __file__, (0, None, lines.splitlines(keepends=True), __file__))
    with pytest.raises(UnsupportedError, match="its source is another than when it was loaded"):
        compiled.save(tmp_path / "step.py")


def test_threads_may_call_a_saved_function_at_once(tmp_path: Path) -> None:
    compiled = tg.compile(lambda x: np.sum(np.tanh(np.sin(x)) * x))
    compiled(np.ones(20_000))
    compiled.save(tmp_path / "step.py")
    code = (
        "import step\nfrom concurrent.futures import ThreadPoolExecutor\n"
        "xs = [np.full(20_000, float(n)) for n in range(8)] * 20\n"
        "one = [float(step.step(x)) for x in xs]\n"
        "with ThreadPoolExecutor(8) as pool:\n    several = list(pool.map(lambda x: float(step.step(x)), xs))\n"
        "assert one == several"
    )
    done = alone(tmp_path, code)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["np", "float", "read", "run", "PROGRAMS", "described", "lock", "values", "absent"])
def test_the_names_of_a_file_are_its_own(name: str, tmp_path: Path) -> None:
    w = tg.Tensor(np.arange(3.0), name=name)
    space: dict[str, Any] = {"w": w, "sum_of": np.sum}
    exec(
        f"def {name}({name}, *, factor=1.0):\n    w.assign(w.data + 1)\n    return sum_of(w.data * {name}) * factor",
        space,
    )
    compiled = tg.compile(space[name])
    compiled(np.ones(3))
    compiled.save(tmp_path / "step.py")
    done = alone(
        tmp_path,
        "import step\nname = step.__doc__.partition(':')[0]\nprint(float(getattr(step, name)(np.ones(3))))",
    )
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) == compiled(np.ones(3))


def test_functions_of_one_name_are_kept_apart() -> None:
    first, second = (
        _module("def part(x):\n    return x + 1\n\n\ndef one(x):\n    return part(x)\n", "first"),
        _module("SIZE = 3\n\n\ndef part(x):\n    return x * SIZE\n\n\ndef one(x):\n    return part(x)\n", "second"),
    )
    sources = Sources()
    names = [sources.add(function) for function in (first["one"], second["one"], second["part"], first["part"])]
    assert len(set(names)) == 4
    found: dict[str, Any] = {}
    exec("\n\n\n".join(sources.texts), found)
    assert [found[name](5) for name in names] == [6, 15, 15, 6]


def _module(text: str, file: str) -> dict[str, Any]:
    """Return the names that a module with this text defines."""
    linecache.cache[f"<{file}>"] = (len(text), None, text.splitlines(keepends=True), f"<{file}>")
    space: dict[str, Any] = {"np": np, "__name__": file}
    exec(compile(text, f"<{file}>", "exec"), space)
    return space


def test_what_the_live_function_tells_apart_the_file_tells_apart(tmp_path: Path) -> None:
    """Strides where elements are taken in memory's order, texts and dtypes by content, a Tensor that is given twice."""
    x = np.arange(6.0).reshape(2, 3)
    compiled = tg.compile(lambda x, kind, dtype: (np.ravel(x, order="K") * np.where(kind == "a", 1, 0)).astype(dtype))
    given = (np.asfortranarray(x), np.array(["a", "b", "a", "a", "b", "a"]), np.dtype("float32"))
    wanted = compiled(*given)
    compiled.save(tmp_path / "step.py")
    module: dict[str, Any] = {"__name__": "step", "__file__": str(tmp_path / "step.py")}
    exec((tmp_path / "step.py").read_text(encoding="utf-8"), module)
    got = module["step"](*given)
    assert got.dtype == np.float32 and got.tolist() == wanted.tolist()
    others = [(x, *given[1:]), (given[0], np.array(["b"] * 6), given[2]), (*given[:2], np.dtype("float64"))]
    for other in others:
        with pytest.raises(ValueError, match="no program for"):
            module["step"](*other)
        compiled(*other)
    compiled.save(tmp_path / "step.py")
    exec((tmp_path / "step.py").read_text(encoding="utf-8"), module)
    for other in [given, *others]:
        assert module["step"](*other).tolist() == compiled(*other).tolist()

    w = tg.Tensor(np.ones(3))
    twice = tg.compile(lambda a, b: np.sum(tg.grad(lambda z: np.sum(z * b.data))(a.data)))
    twice(w, w)
    with pytest.raises(UnsupportedError, match=r"a Tensor, .* is given twice"):
        twice.save(tmp_path / "twice.py")


def test_tensors_among_the_arguments_and_gradients_from_before_are_arguments_by_their_names(tmp_path: Path) -> None:
    w, v = tg.Tensor(np.arange(3.0), name="w"), tg.Tensor(np.ones(3), name="v")

    @tg.compile
    def train(w: Any, x: Any) -> Any:
        loss = np.sum(w**2 * x)
        loss.backward()
        w.assign(w.data - 0.1 * w.grad)
        w.grad = None
        return loss

    @tg.compile
    def update(rate: Any) -> None:
        v.assign(v.data - rate * v.grad)
        v.grad = None

    train(w, np.ones(3))
    v.grad = np.ones(3)
    update(0.5)
    v.grad = np.ones(3)
    with pytest.raises(tg.GraphError, match="updates w, a Tensor among its arguments"):
        train.save(tmp_path / "train.py")
    with pytest.raises(UnsupportedError, match="reads the gradient of v from before the call"):
        update.save(tmp_path / "update.py")
    assert list(tmp_path.iterdir()) == []
    train.save(tmp_path / "train.py", parameters="arguments")
    update.save(tmp_path / "update.py", parameters="arguments")
    code = (
        "import train, update\n"
        f"loss, new = train.train(np.array({w.data.tolist()!r}), np.ones(3))\n"
        f"none, newer = update.update(0.5, d_v=np.ones(3), v=np.array({v.data.tolist()!r}))\n"
        "print(*new, *newer, *new['w'].tolist(), *newer['v'].tolist(), none)"
    )
    done = alone(tmp_path, code)
    assert done.returncode == 0, done.stderr
    train(w, np.ones(3))
    update(0.5)
    first, second, *values, none = done.stdout.split()
    assert (first, second, none) == ("w", "v", "None")
    np.testing.assert_allclose([float(value) for value in values], [*w.data, *v.data])
