"""A saved module computes the same in a process that has no tinygraph, and warns about nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygraph as tg
from tests.compiler.programs import program_of
from tinygraph.compiler.emission import compile_program
from tinygraph.compiler.program import Program
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
    emitted = compile_program(program)
    emitted.save(tmp_path / "step.py", variables)
    assert "tinygraph" not in (tmp_path / "step.py").read_text().split("\n", 1)[1]
    again = "results = (*step.step(*[given[name] for name in given]), step.w if hasattr(step, 'w') else step.v0)"
    loss, w = run_alone(tmp_path, arguments, again)
    mine = [np.array(value) for value in variables]
    emitted.run(arguments, mine)
    (expected,) = emitted.run(arguments, mine)
    np.testing.assert_allclose(loss, expected, rtol=1e-12)
    np.testing.assert_allclose(w, mine[0], rtol=1e-12)


def test_a_training_step_with_its_parameters_as_arguments(tmp_path: Path) -> None:
    program, arguments, variables = training()
    emitted = compile_program(program)
    emitted.save(tmp_path / "step.py", variables, parameters="arguments")
    assert not (tmp_path / "step.npz").exists()
    more = "results = (*results[0], *results[1].values())"
    loss, w, b = run_alone(tmp_path, [*arguments, *variables], more)
    (expected,) = emitted.run(arguments, variables)
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
    compile_program(program).save(tmp_path / "step.py")
    (result,) = run_alone(tmp_path, inputs)
    np.testing.assert_allclose(result, program.graph.outputs[0].value, rtol=1e-12)


def test_what_cannot_be_saved_is_refused(tmp_path: Path) -> None:
    shift = 1.5

    @tg.primitive
    def shifted(x: Any) -> Any:
        return x + shift

    shifted.derivative(lambda g, z, x: g)
    emitted = compile_program(program_of(lambda x: shifted(x) * 2, [np.ones(3)]))
    np.testing.assert_allclose(emitted.run([np.ones(3)])[0], 5.0)
    with pytest.raises(UnsupportedError, match="cannot be written into a file"):
        emitted.save(tmp_path / "step.py")
    with pytest.raises(ValueError, match="must end in"):
        emitted.save(tmp_path / "step.txt")
    with pytest.raises(ValueError, match="beside"):
        emitted.save(tmp_path / "step.py", parameters="elsewhere")
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
