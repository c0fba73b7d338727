"""`python -m tinygraph`: what it prints, what it writes, and that it refuses with one message and exit code 2."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import tinygraph
from tinygraph.__main__ import main

ROOT = Path(tinygraph.__file__).parents[1]
HAS_ENGINE = shutil.which("dot") is not None or importlib.util.find_spec("pygraphviz") is not None
needs_engine = pytest.mark.skipif(not HAS_ENGINE, reason="no Graphviz here")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-m", "tinygraph", *arguments], capture_output=True, text=True, env=environment, check=False
    )


def refused(capsys, *arguments: str) -> str:
    """Return the error of a refused command, which prints nothing else."""
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("tinygraph: ")
    assert "Traceback" not in said.err
    return said.err


# --- draw -------------------------------------------------------------------------------------------------------------


@needs_engine
def test_draw_writes_the_picture_and_prints_a_table():
    done = run("draw", "sqrt(a**2 + b**2)", "a=3", "b=4", "-o", "c.svg")
    assert done.returncode == 0 and done.stderr == ""
    assert done.stdout.splitlines() == [
        "sqrt(a**2 + b**2) = 5",
        "  variable  value  gradient",
        "  a         3      0.6",
        "  b         4      0.8",
        "drawn in c.svg",
    ]
    assert "</svg>" in Path("c.svg").read_text()


@pytest.mark.parametrize("suffix", ["dot", "mmd"])
def test_the_suffix_decides_the_format(suffix, capsys):
    assert main(["draw", "a * b", "a=3", "b=4", "-o", f"picture.{suffix}"]) == 0
    begins = {"dot": "digraph", "mmd": "flowchart"}[suffix]
    assert begins in Path(f"picture.{suffix}").read_text()


def test_the_title_is_in_the_picture(capsys):
    assert main(["draw", "a * b", "a=3", "b=4", "-o", "p.dot", "--title", "area of a field"]) == 0
    assert "area of a field" in Path("p.dot").read_text()


def test_without_backward_there_are_no_gradients(capsys):
    assert main(["draw", "a * b", "a=3", "b=4", "-o", "p.dot", "--no-backward"]) == 0
    assert "gradient" not in capsys.readouterr().out


def test_an_array_is_drawn_without_gradients(capsys):
    assert main(["draw", "W @ x", "W=[[1,2],[3,4]]", "x=[1,2]", "-o", "p.dot"]) == 0
    said = capsys.readouterr().out
    assert "gradient" not in said and "[ 5., 11.]" in said


def test_several_results_are_one_picture(capsys):
    assert main(["draw", "(a * b, a + b)", "a=3", "b=4", "-o", "p.dot"]) == 0
    assert "= 12, 7" in capsys.readouterr().out


@pytest.mark.parametrize("view", ["chain", "values", "full", "collapsed", "mirror"])
@pytest.mark.parametrize("direction", ["LR", "TB"])
def test_every_view_and_direction(view, direction, capsys):
    command = ["draw", "sqrt(a**2 + b**2)", "a=3", "b=4", "-o", "p.dot", "--view", view, "--direction", direction]
    assert main(command) == 0
    assert f"rankdir={direction}" in Path("p.dot").read_text()


@pytest.mark.parametrize("expression", ["-x**2", "-(x)", "- x"])
def test_an_expression_may_begin_with_a_minus(expression, capsys):
    assert main(["draw", expression, "x=3", "-o", "p.dot"]) == 0
    assert main(["grad", expression, "x=-3"]) == 0


def test_what_fails_leaves_the_old_file_as_it_was(capsys):
    old = Path("p.dot")
    old.write_text("old")
    for arguments in (
        ["draw", "nosuch(a)", "a=1", "-o", "p.dot"],
        ["draw", "a +", "a=1", "-o", "p.dot"],
        ["draw", "W @ a", "a=[1,2]", "W=[[1,2,3]]", "-o", "p.dot"],
        ["draw", "W", "W=[1,2]", "-o", "p.dot", "--view", "chain"],
        ["draw", "a > 1", "a=1", "-o", "p.dot"],
    ):
        refused(capsys, *arguments)
        assert old.read_text() == "old"
    assert [path.name for path in Path().iterdir()] == ["p.dot"]


def test_a_picture_that_cannot_be_written_is_reported(capsys):
    assert "suffix" in refused(capsys, "draw", "a*a", "a=1", "-o", "p.xyz")
    assert "cannot write nowhere/p.dot" in refused(capsys, "draw", "a*a", "a=1", "-o", "nowhere/p.dot")
    assert list(Path().iterdir()) == []


def test_a_result_without_a_graph_is_reported(capsys):
    assert "no variable is used" in refused(capsys, "draw", "1 + 2", "-o", "p.dot")
    assert "condition" in refused(capsys, "draw", "a > 2", "a=1", "-o", "p.dot")


# --- grad and values --------------------------------------------------------------------------------------------------


def test_grad_prints_the_gradient(capsys):
    assert main(["grad", "x**3", "x=2"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "x**3 = 8",
        "  variable  value  gradient",
        "  x         2      12",
    ]


def test_grad_of_arrays(capsys):
    assert main(["grad", "sum(x * x)", "x=[1,2,3]"]) == 0
    assert "[2., 4., 6.]" in capsys.readouterr().out


def test_grad_needs_a_single_number(capsys):
    assert "wrap it: sum(x * 2)" in refused(capsys, "grad", "x * 2", "x=[1,2]")
    assert "differentiated" in refused(capsys, "grad", "x > 2", "x=1")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("3", "3"), ("-2.5", "-2.5"), ("1e-3", "0.001"), ("inf", "inf"), ("-inf", "-inf"), ("nan", "nan"),
        ("pi/2", "1.5708"), ("[1,2]", "[1., 2.]"), ("[[1,2],[3,4]]", "[[1., 2.],"), ("1,2", "[1., 2.]"),
        ("linspace(0,1,3)", "[0. , 0.5, 1. ]"), ("[inf, -nan]", "[inf, nan]"), ("True", "1"), (" 3 ", "3"),
        ("[]", "[]"),
    ],
)  # fmt: skip
def test_values(value, shown, capsys):
    assert main(["grad", "sum(x)", f"x={value}"]) == 0
    assert shown in capsys.readouterr().out


@pytest.mark.parametrize(
    "value",
    [
        "x", "=3", "3=x", "x y=3", "if=3", "x=", "x=abc", "x=[1,[2]]", "x='a'", "x=open('f')", "x=[None]", "x=1j",
        "x=[1,2", "x=" + "[" * 500, "x=" + "1+" * 40_000 + "1", "x=" + "[1]," * 40_000, "x=ones(1000000000)",
        "x=" + "-" * 90_000 + "1", "x=y", "a.b=3", "x[0]=3", "\ud800=3", "x=\ud800", "x=1\x00",
    ],
)  # fmt: skip
def test_a_value_that_is_none_is_refused(value, capsys):
    refused(capsys, "grad", "sum(x)", value)


def test_unused_values_are_mentioned(capsys):
    assert main(["grad", "x**2", "x=1", "y=2"]) == 0
    assert "not used in the expression: y" in capsys.readouterr().err


# --- errors -----------------------------------------------------------------------------------------------------------


def test_an_error_shows_the_place():
    done = run("grad", "1 + sqr(a)", "a=1")
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.splitlines() == [
        "tinygraph: unknown function 'sqr'; did you mean 'sqrt'?",
        "  1 + sqr(a)",
        "      ^^^",
    ]


@pytest.mark.parametrize(
    ("expression", "hint"),
    [
        ("2a", "product is written with *"), ("2 a", "product is written with *"), ("a b", "product is written with *"),
        ("(a)(a)", None), ("√a", "√ is written sqrt(...)"), ("a²", "² is written **2"), ("a × a", "× is written *"),
        ("a^2", "a power is written a**2"),
        ("2^3*sum(a)", "a power is written a**2"), ("ln(a)", "it is called 'log'"),
        ("a = 3", "values stand after the formula"),
        ("a +", "not a formula: invalid syntax\n"), ("a @ [1,2,3]", None),
    ],
)  # fmt: skip
def test_mathematics_that_python_writes_otherwise(expression, hint, capsys):
    said = refused(capsys, "grad", expression, "a=[1,2]")
    assert hint is None or hint in said
    assert ".py:" not in said


def test_a_value_given_twice_is_refused(capsys):
    assert "a is given twice" in refused(capsys, "grad", "a * a", "a=1", "a=2")


def test_missing_values_are_listed(capsys):
    assert "2 variables have no value: u, v" in refused(capsys, "grad", "u * v + w", "w=1")


@pytest.mark.parametrize(
    "arguments",
    [
        [], ["nosuch"], ["draw"], ["draw", "a", "a=1", "--view", "nosuch"], ["draw", "a", "a=1", "--nosuch"],
        ["draw", "a*a", "a=1", "-o"], ["info", "more"], ["grad", "a*a", "a=1", "--vie", "full"], ["grad", ""],
    ],
)  # fmt: skip
def test_what_is_not_understood_is_refused(arguments, capsys):
    refused(capsys, *arguments)


@pytest.mark.parametrize(
    "expression",
    [
        "().__class__.__bases__", "__import__('os').mkdir('d')", "open('x', 'w')", "a.__array_interface__",
        "np.load('x')", "a.tofile('f')", "''.join(a)", "a.dump('f')", "np.save('f', a)", "(lambda: 1)()",
        "[i for i in a]", "f'{a}'", "(" * 10_000 + "a" + ")" * 10_000, "a" * 10**6, "a" + "+a" * 10**5, "ones(10**9)",
        "zeros(999999999)",
    ],
)  # fmt: skip
def test_an_attack_is_refused_without_a_trace(expression, capsys):
    assert len(refused(capsys, "draw", expression, "a=1", "-o", "p.dot")) < 1_000
    assert list(Path().iterdir()) == []


def test_a_tower_of_powers_ends_at_once(capsys):
    assert main(["grad", "a * 9**9**9", "a=1"]) == 0
    assert "= inf" in capsys.readouterr().out


# --- the rest ---------------------------------------------------------------------------------------------------------


def test_info_names_versions(capsys):
    assert main(["info"]) == 0
    said = capsys.readouterr().out
    for word in (tinygraph.__version__, "Python", "NumPy", "BLAS", "Graphviz"):
        assert word in said


def test_info_says_how_to_get_an_engine(capsys, monkeypatch):
    monkeypatch.setattr("tinygraph.__main__.shutil.which", lambda name: None)
    monkeypatch.setattr("tinygraph.__main__.find_spec", lambda name: None)
    assert main(["info"]) == 0
    assert 'pip install "tinygraph[draw]"' in capsys.readouterr().out


def test_version():
    done = run("--version")
    assert done.returncode == 0 and done.stdout == f"tinygraph {tinygraph.__version__}\n"


@pytest.mark.parametrize("command", [[], ["draw"], ["grad"], ["info"]])
def test_help(command, capsys):
    with pytest.raises(SystemExit) as ended:
        main([*command, "--help"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert "usage: python -m tinygraph" in said


@pytest.mark.parametrize("command", ["draw", "grad"])
def test_the_examples_in_the_help_work(command, capsys):
    with pytest.raises(SystemExit):
        main([command, "--help"])
    said = capsys.readouterr().out
    examples = [shlex.split(line) for line in said.splitlines() if line.startswith(f"  python -m tinygraph {command}")]
    assert len(examples) >= 2
    for example in examples:
        arguments = [
            str(Path(word).with_suffix(".dot")) if word.endswith((".svg", ".html", ".png")) else word
            for word in example
        ]
        assert main(arguments[3:]) == 0


@pytest.mark.parametrize("formula", ["sqrt(a**2 + b**2)", "a * b, a + b"])
def test_a_picture_has_the_names_of_the_formula_alone(formula: str, tmp_path: Path) -> None:
    assert main(["draw", formula, "a=3", "b=4", "-o", str(tmp_path / "c.dot")]) == 0
    text = (tmp_path / "c.dot").read_text("utf-8")
    assert not re.search(r"computed\.|outputs|options", text)
