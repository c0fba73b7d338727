"""The plain engine alone gives what it gives with the quick paths beside it: the same programs, and the laws.

Each test runs a process of its own, since the quick paths are installed when tinygraph is imported.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent

# Programs that take each quick path, and each way out of one to the plain record.
PROGRAMS = """
import json
import numpy as np
import tinygraph as tg

x = np.linspace(0.3, 1.7, 12).reshape(3, 4)
many = np.linspace(0.5, 1.5, 3000)
whole = np.arange(3)

@tg.primitive
def cube(a):
    return a * a * a

cube.derivative(lambda g, z, a: g * (3 * a * a))

def of_data(a):
    mask = tg.Tensor(np.ones((3, 4)), requires_grad=False)
    return a * mask + mask * a - mask / a

def under_a_name(a):
    with tg.scope("layer"):
        return np.var(a) * 2.0

def unrecorded(a):
    with tg.no_grad():
        level = np.max(a, axis=0)
    return a - level

def updated(a):
    b = np.exp(a).T
    b *= 2.0
    return b

def written(a):
    b = np.copy(a)
    for i in range(1, 3):
        b[i, 0] = b[i - 1, 1] * 0.9 + a[i, -1]
        b[i, 1] += b[i, 0]
        b[i, 2:] = 1.5
        b[i - 1, :2] += b[i, 2:] * a[0, :2]
        b[i] = b[i, ::-1]
    row = b[1]
    row[1:3] = a[0, 1:3]
    row[0] = 0.5
    row /= b[0]
    b.T[3, None] = 2
    many = np.zeros(3000, like=a)
    many[0] = 4
    for i in range(1, 4):
        many[i] = many[i - 1] * a[0, i]
        many[i : i + 2] = b[i - 1, :2] * many[i - 1]
    few = np.zeros_like(a[0])
    few[:] = a[1]
    few[...] = 3.0
    few[1] = a[2, 2]
    return b * b + many[1:4, None] + few[np.int64(1)] * few[-1]

PROGRAMS = {
    "operators": lambda a: 2 - a * a + 1 / (a + 1.5) ** 2 - -a % 0.7 + abs(a),
    "powers": lambda a: a**3 + a**0.5 + 2.0**a + a**a,
    "products": lambda a: a @ np.ones((4, 2)) + np.ones((3, 3)) @ (a @ a.T) @ np.ones((3, 2)),
    "two": lambda a: np.maximum(a, 1.0) + np.hypot(a, a[0]) + np.arctan2(whole[:, None], a),
    "one": lambda a: np.sin(np.exp(a)) + cube(a) + tg.sigmoid(a) + tg.softplus(a),
    "float32": lambda a: a.astype(np.float32) * np.float32(3) + np.ones(4),
    "complex": lambda a: np.abs((1j * a[0, 0] + a) * 2j),
    "numbers": lambda a: a[0, 1] * a[1, 2] + 3 * a[2, 2] - whole[2],
    "parts": lambda a: np.sum(a[1:, [0, 0, 3]], axis=1, keepdims=True) + a.mean() + a.reshape(-1)[:2],
    "lists": lambda a: np.stack([a[0], a[1] * 2]) + [1.0, 2.0, 3.0, 4.0] + a[0] * [a[0, 0], 1.0, a[1, 1], 0.0],
    "keywords": lambda a: np.add(a, 1.0, dtype=np.float64) + np.multiply(a, a, where=x > 1, out=np.zeros((3, 4))),
    "large": lambda a: np.sum(np.exp(a[0, 0] * many) * many + many),
    "of_data": of_data,
    "under_a_name": under_a_name,
    "unrecorded": unrecorded,
    "updated": updated,
    "written": written,
}

def outcome(program):
    a = tg.Tensor(x, name="a")
    result = program(a)
    np.sum(result).backward()
    first = np.array(a.grad)
    second = tg.grad(lambda b: np.sum(tg.grad(lambda c: np.sum(program(c)))(b) ** 2))(x)
    return {
        "value": result.data.tolist(), "dtype": str(result.dtype), "gradient": first.tolist(),
        "second": second.tolist(), "graph": str(tg.Graph.of(result)),
        "picture": tg.draw(result).source,
    }

print(json.dumps({name: outcome(program) for name, program in PROGRAMS.items()}))
"""

# What goes through every kind of call, through reach, pieces and recorded passes; the other laws take minutes.
LAWS = (
    "test_backward.py", "test_graph.py", "test_keeping.py", "test_ownership.py", "test_primitive.py",
    "test_scopes.py", "test_singularities.py", "test_tensor.py", "test_writing.py", "derivatives/test_indexing.py",
)  # fmt: skip


def run(quick: bool, *arguments: str) -> str:
    """Return the output of a process, with the quick record or without."""
    environment = {**os.environ, "TINYGRAPH_QUICK": "1" if quick else "0"}
    done = subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, check=False, env=environment, cwd=TESTS.parent
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr
    return done.stdout


def test_the_same_programs_give_the_same(tmp_path):
    program = tmp_path / "programs.py"
    program.write_text(PROGRAMS)
    with_quick, without = (json.loads(run(quick, str(program))) for quick in (True, False))
    for name, expected in with_quick.items():
        assert without[name] == expected, name


@pytest.mark.parametrize("quick", [True, False])
def test_the_environment_decides(quick):
    program = """
import tinygraph as tg
from tinygraph.engine.pulling import PULL, pull

print(tg.Tensor.__add__.__module__, set(PULL.values()) == {pull})
"""
    expected = "tinygraph.engine.quick False" if quick else "tinygraph.engine.operators True"
    assert run(quick, "-c", program).strip() == expected


def test_the_laws_hold_without_the_quick_paths():
    files = [str(TESTS / name) for name in LAWS]
    run(False, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-k", "not million", *files)
