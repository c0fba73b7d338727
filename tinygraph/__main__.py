"""The command line: `python -m tinygraph draw "sqrt(a**2 + b**2)" a=3 b=4 -o c.svg`."""

from __future__ import annotations

import argparse
import keyword
import platform
import re
import shutil
import subprocess
import sys
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, NoReturn

import numpy as np

import tinygraph
from tinygraph.engine.tensor import Tensor
from tinygraph.expression import Expression, ExpressionError
from tinygraph.expression.errors import one_line, printable

PROGRAM = "python -m tinygraph"
LONGEST_VALUE = 100_000
OPTION = re.compile(r"--($|[a-z])|-[oh]$|-o.*\.[a-z]+$")

ABOUT_EXPRESSIONS = """\
An expression is a formula in Python's syntax, with the names of NumPy: + - * / // % ** @, comparisons, indexing,
functions such as sqrt, exp, sum, where, linalg.norm, those of tinygraph such as sigmoid and softmax, the methods
.sum(), .mean(), .reshape(2, 3) and so on, .T, and the constants pi, e, inf and nan. It is computed, never executed:
nothing else is allowed. A value is a number, or a list of numbers, or of such lists: x=[1,2,3].
"""
DRAW_EXAMPLES = f"""\
{ABOUT_EXPRESSIONS}
examples:
  {PROGRAM} draw "sqrt(a**2 + b**2)" a=3 b=4 -o c.svg
  {PROGRAM} draw "sum(sigmoid(W @ x))" "W=[[1,2],[3,4]]" "x=[0.5,-0.5]" -o layer.html
  {PROGRAM} draw -o power.png --title "a power" "-x**2" x=3

The formats: .svg .png .pdf .html (an interactive page) .dot .mmd (Mermaid); the last two need no Graphviz.
"""
GRAD_EXAMPLES = f"""\
{ABOUT_EXPRESSIONS}
examples:
  {PROGRAM} grad "x**3" x=2
  {PROGRAM} grad "log(sum(exp(x)))" "x=[1,2,3]"
"""
EXAMPLES = f"""\
examples:
  {PROGRAM} draw "sqrt(a**2 + b**2)" a=3 b=4 -o c.svg
  {PROGRAM} grad "x**3" x=2
  {PROGRAM} info

{PROGRAM} draw --help   says more about each.
"""


class UsageError(Exception):
    """The error for a command that cannot be done; the message gives the reason."""


@dataclass(frozen=True)
class Computed:
    """An expression's value, and the variables it was computed from."""

    expression: Expression
    value: Any
    variables: dict[str, Tensor]


class Parser(argparse.ArgumentParser):
    """argparse's parser, with one line on stderr in place of the whole usage."""

    def error(self, message: str) -> NoReturn:
        """Raise UsageError, where argparse would print the usage and exit."""
        raise UsageError(f"{message}\n(see {self.prog} --help)")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: the words after `python -m tinygraph`; by default those of `sys.argv`.

    Returns:
        The exit code: 0, or 2 after an error, which is printed to stderr.
    """
    try:
        options = _parser().parse_args(_with_expressions(sys.argv[1:] if arguments is None else arguments))
        options.run(options)
    except (UsageError, ExpressionError) as error:
        print(f"tinygraph: {error}", file=sys.stderr)
        return 2
    return 0


def _parser() -> Parser:
    parser = Parser(
        prog=PROGRAM, description="Compute formulas, differentiate them, and draw their graphs.", epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False,
    )  # fmt: skip
    parser.add_argument("--version", action="version", version=f"tinygraph {tinygraph.__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def command(name: str, run: Any, description: str, epilog: str = "") -> argparse.ArgumentParser:
        added = commands.add_parser(
            name, help=description, description=f"{description[0].upper()}{description[1:]}.", epilog=epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False,
        )  # fmt: skip
        added.set_defaults(run=run)
        return added

    drawing = command("draw", _draw, "compute an expression and draw its graph", DRAW_EXAMPLES)
    gradient = command("grad", _grad, "compute an expression and its gradient", GRAD_EXAMPLES)
    command("info", _info, "show the versions of everything that matters here")
    for added in (drawing, gradient):
        added.add_argument("expression", metavar="EXPRESSION", help='the formula, such as "sqrt(a**2 + b**2)"')
        added.add_argument("values", metavar="NAME=VALUE", nargs="*", help="a value for each variable")
    drawing.add_argument("-o", "--output", default="graph.svg", metavar="FILE", help="the picture (default: graph.svg)")
    views = ("auto", "chain", "values", "full", "collapsed", "rolled", "mirror")
    drawing.add_argument("--view", default="auto", choices=views, help="what is shown")
    drawing.add_argument("--direction", default="auto", choices=("auto", "LR", "TB"), help="where the arrows go")
    drawing.add_argument("--title", help="a line under the picture (default: the formula)")
    drawing.add_argument("--no-backward", action="store_true", help="draw the forward pass only")
    return parser


def _with_expressions(arguments: Sequence[str]) -> list[str]:
    """Return the arguments, with a space before an expression that begins with a minus sign: `-x**2`."""
    return [f" {word}" if word.startswith("-") and not OPTION.match(word) else word for word in arguments]


# --- commands ---------------------------------------------------------------------------------------------------------


def _draw(options: argparse.Namespace) -> None:
    computed = _compute(options)
    outputs = computed.value if type(computed.value) is tuple else (computed.value,)
    if not all(isinstance(output, Tensor) for output in outputs):
        raise UsageError(
            "there is no graph to draw: "
            + ("the result is a condition, which has no derivative" if computed.variables else "no variable is used")
        )
    if not options.no_backward:
        _backward(computed)
    from tinygraph.drawing import draw
    from tinygraph.drawing.errors import DrawingError
    from tinygraph.graph.graph import read_graph

    graph = read_graph(outputs, None)  # the names in this file are none of the user's
    try:
        path = draw(graph, view=options.view, direction=options.direction, title=options.title).save(options.output)
    except OSError as error:
        raise UsageError(f"cannot write {options.output}: {error.strerror or error}") from None
    except (DrawingError, TypeError, ValueError) as error:  # each says what to do instead
        raise UsageError("\n".join(printable(line) for line in str(error).splitlines())) from None
    _show(computed)
    print(f"drawn in {path}")


def _grad(options: argparse.Namespace) -> None:
    computed = _compute(options)
    if not isinstance(computed.value, Tensor):
        raise UsageError("the result depends on no variable through a function that can be differentiated")
    if computed.value.size != 1:
        raise UsageError(
            f"the result has shape {computed.value.shape}, and only a single number has a gradient; "
            f"wrap it: sum({computed.expression.text})"
        )
    _backward(computed)
    _show(computed)


def _info(options: argparse.Namespace) -> None:
    built: Any = np.show_config(mode="dicts")
    blas = built.get("Build Dependencies", {}).get("blas", {})
    rows = [
        ("tinygraph", tinygraph.__version__),
        ("Python", f"{platform.python_version()} on {platform.system()} {platform.machine()}"),
        ("NumPy", np.__version__),
        ("BLAS", f"{blas.get('name', 'unknown')} {blas.get('version', '')}".strip() + _kernels()),
        ("Graphviz", _engine()),
    ]
    _print_rows(rows)
    from tinygraph.compiler.run.threads import blas_advice

    advice = blas_advice()
    if advice is not None:
        print(f"\n{advice}")


def _kernels() -> str:
    """Return the processor that BLAS's kernels are for, and its number of threads, if BLAS names them."""
    from tinygraph.compiler.schedule.blas_library import blas

    found = blas()
    if found is None:
        return ""
    threads = found.get_threads()
    return f", kernels for {found.core}, {threads} thread{'s' if threads != 1 else ''}"


def _engine() -> str:
    """Return the name of the engine that lays out pictures here."""
    program = shutil.which("dot")
    if program is not None:
        said = subprocess.run([program, "-V"], capture_output=True, text=True, check=False)
        return one_line(Exception(said.stderr or said.stdout)).removeprefix("dot - ")
    if find_spec("pygraphviz") is not None:
        return "by the pygraphviz package"
    return 'none: pip install "tinygraph[draw]", or install the system package graphviz. .dot and .mmd need none'


# --- computing --------------------------------------------------------------------------------------------------------


def _compute(options: argparse.Namespace) -> Computed:
    expression = Expression(options.expression)
    values: dict[str, Tensor] = {}
    for text in options.values:
        name, tensor = _value(text)
        if name in values:
            raise UsageError(f"{name} is given twice")
        values[name] = tensor
    value = expression.evaluate(values)
    unused = [name for name in values if name not in expression.names]
    if unused:
        print(f"tinygraph: not used in the expression: {', '.join(unused)}", file=sys.stderr)
    return Computed(expression, value, {name: values[name] for name in expression.names if name in values})


def _value(text: str) -> tuple[str, Tensor]:
    """Return the name and the Tensor of NAME=VALUE."""
    name, equals, written = text.partition("=")
    name = unicodedata.normalize("NFKC", name.strip())
    if not equals or not name.isidentifier() or keyword.iskeyword(name):
        said = f"expected NAME=VALUE, without spaces, such as x=3 or x=[1,2,3], got {printable(text[:60])!r}"
        raise UsageError(said)
    try:
        given = Expression(written, LONGEST_VALUE).evaluate({})
        array = np.array(given, dtype=np.float64)
    except ExpressionError as error:
        raise UsageError(f"the value of {name}: {error}") from None
    except (TypeError, ValueError):
        raise UsageError(f"the value of {name}: the rows of a list must be numbers, and as many in each") from None
    tensor = Tensor(array[()], name=name)
    tensor._link.code = None  # the value has no line in this file
    return name, tensor


def _backward(computed: Computed) -> None:
    value = computed.value
    if not (isinstance(value, Tensor) and value.size == 1 and value.requires_grad):
        return
    try:
        with np.errstate(all="ignore"):
            value.backward(retain_graph=True)
    except (TypeError, ValueError, RuntimeError, MemoryError) as error:
        raise UsageError(f"backward: {one_line(error)}") from None


# --- printing ---------------------------------------------------------------------------------------------------------


def _show(computed: Computed) -> None:
    """Print the value, and a table of the variables and their gradients."""
    values = computed.value if type(computed.value) is tuple else (computed.value,)
    print(_beside(f"{printable(computed.expression.text)} = ", ", ".join(map(_number, values))))
    rows = [("variable", "value", "gradient")]
    for name, tensor in computed.variables.items():
        rows.append((name, _number(tensor), "" if tensor.grad is None else _number(tensor.grad)))
    if len(rows) > 1:
        _print_rows(rows if any(row[2] for row in rows[1:]) else [row[:2] for row in rows])


def _number(value: Any) -> str:
    """Return a number with six significant digits; an array by rows, a large one without its middle."""
    array = np.asarray(value.data if isinstance(value, Tensor) else value)
    if array.ndim == 0:
        return f"{array.item():.6g}" if array.dtype.kind == "f" else str(array.item())
    text = np.array2string(array, precision=6, threshold=40, edgeitems=3, separator=", ", max_line_width=60)
    return f"{text} of shape {array.shape}" if array.size > 40 else text


def _beside(before: str, text: str) -> str:
    return before + text.replace("\n", "\n" + " " * len(before))


def _print_rows(rows: Sequence[Sequence[str]]) -> None:
    """Print columns side by side; a cell may have several lines."""
    columns = list(zip(*rows, strict=True))
    widths = [max(len(line) for cell in column for line in cell.split("\n")) for column in columns]
    for row in rows:
        cells = [cell.split("\n") for cell in row]
        for place in range(max(map(len, cells))):
            line = [cell[place] if place < len(cell) else "" for cell in cells]
            print("  " + "  ".join(f"{text:<{width}}" for text, width in zip(line, widths, strict=True)).rstrip())


if __name__ == "__main__":
    sys.exit(main())
