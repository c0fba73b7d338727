"""Names: what the values of a program are called in its text, after the variables of the user's code."""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Callable, Iterable

import numpy as np

from tinygraph.compiler.planning import Plan
from tinygraph.compiler.rewrites.views import TRANSPOSING
from tinygraph.compiler.steps import REDUCTIONS, Step, operands_of
from tinygraph.graph import Graph

__all__ = ["core", "made_up", "names_of", "slopes_in"]

# What a name must not be: it means something else in the program.
TAKEN = frozenset(
    (*keyword.kwlist, *keyword.softkwlist, *dir(builtins), "np", "special", "begin", "end", "thread", "start", "stop",
     "starts", "found", "pool", "on_two_threads", "in_two", "in_turns", "copy_context", "ThreadPoolExecutor", "Path",
     "values", "_tick")
)  # fmt: skip
_OURS = re.compile(r"(rows|block|scratch|generator)_\d\w*|\w+_totals?|\w+_now|rows_\d+_parts")

Line = tuple[str, int]


def names_of(graph: Graph, plan: Plan, reserved: Iterable[str] = ()) -> dict[int, str]:
    """For each step that needs one a name: the user's where there is one, made from the user's where there is not.

    A value without a name of its own that lies in the same memory as a later one has that one's name: what leads to
    `y_head` in place is called `y_head`.
    """
    used = {*TAKEN, *reserved}
    names: dict[int, str] = {}
    counts: dict[str, int] = {}  # by a wish how often it was had, so that the search begins there

    def take(wish: str) -> str:
        wish = re.sub(r"\W", "_", wish) or "value"
        wish = f"_{wish}" if wish[0].isdigit() else f"{wish}_" if _OURS.fullmatch(wish) else wish
        name, count = wish, counts.get(wish, 1)
        while name in used:
            count += 1
            name = f"{wish}_{count}"
        counts[wish] = count
        used.add(name)
        return name

    steps = [step for step in graph.nodes if isinstance(step, Step)]
    for step in steps:
        if step.given:
            names[step.index] = take(step.name or "argument")
    own = {step.index: step.name for step in steps if step.name is not None and step.function is not None}
    slopes = slopes_in(steps)
    of_values, by_name = _cotangents(steps)
    for step in steps:
        if step.index not in own and (begun := _begun_with(step, slopes)) is not None:
            of_values.setdefault(step.index, begun)
    for index, name in by_name.items():
        own.setdefault(index, name)
    for step in steps:
        if step.function in TRANSPOSING and step.index in own and not step.args[0].given:
            own.setdefault(step.args[0].index, f"{own[step.index]}_T")
    for step in steps:
        if step.index in own:
            held = plan.storage.get(step.index)
            updates = held is not None and held.kind == "variable" and not plan.is_view(step)
            names[step.index] = names[held.steps[0]] if updates and held is not None else take(own[step.index])

    def give(step: Step) -> None:
        if step.index in plan.parts and plan.parts[step.index][0].index not in names:
            whole = plan.parts[step.index][0]
            names[whole.index] = take(made_up(whole, names, slopes))
        if step.index not in names and step.function is not None:
            shared = _of_storage(step, plan, names, own)
            wish = _part_of_whole(step, plan, names) or _sum_of_unnamed(step, own, consumers)
            names[step.index] = shared or take(wish or made_up(step, names, slopes))

    by_index = {step.index: step for step in steps}
    consumers: dict[int, list[Step]] = {}
    for step in steps:
        for operand in operands_of(step):
            consumers.setdefault(operand.index, []).append(step)
    for step in steps:
        if step.section == "forward":
            give(step)
    for index, value in of_values.items():
        if index not in own and index not in plan.parts and value.index in names:
            wish = f"d_{core(names[value.index])}"
            near = _of_storage(by_index[index], plan, names, own)
            if near is not None and core(near) == wish:  # it is added to, in place, until it is the gradient
                names[index] = near
            else:
                own[index] = wish
                names[index] = take(wish)
    for step in steps:
        give(step)
    return names


def _sum_of_unnamed(step: Step, own: dict[int, str], consumers: dict[int, list[Step]]) -> str | None:
    """`loss_sum`, for the sum that `loss` is a part of, where what is summed up has no name of the user's."""
    used = consumers.get(step.index, [])
    if step.op != "sum" or step.shape or len(used) != 1 or type(step.args[0]) is not Step:
        return None
    if step.args[0].index in own:
        return None
    scaled = used[0].function in (np.multiply, np.divide) and used[0].section == "forward"
    return f"{own[used[0].index]}_sum" if scaled and used[0].index in own else None


def _part_of_whole(step: Step, plan: Plan, names: dict[int, str]) -> str | None:
    """The name of what is computed into a part of an array."""
    if step.index not in plan.parts:
        return None
    whole, place = plan.parts[step.index]
    return f"{core(names[whole.index])}_part" if type(place) is tuple else None


def _of_storage(step: Step, plan: Plan, names: dict[int, str], own: dict[int, str]) -> str | None:
    """The name of the value that this one becomes in place, or of the one that it overwrites."""
    held = plan.storage.get(step.index)
    if held is None or plan.is_view(step) or step.index in plan.parts:
        return None
    if held.kind == "variable":
        return names[held.steps[0]]
    # A value of the forward pass may lie where a gradient will: its name is another.

    def fits(index: int) -> bool:
        other = plan.by_index[index]
        same = other.shape == step.shape and other.section == step.section
        return same and not plan.is_view(other) and index not in plan.parts

    # What has a name already is asked first, and the nearest before: a sum in place can have thousands of values.
    for index in held.steps:
        if index > step.index and index in own and fits(index):
            return names[index]
    for index in reversed(held.steps):
        if index < step.index and index in names and index not in own and fits(index):
            return names[index]
    return None


def slopes_in(steps: list[Step]) -> set[int]:
    """The calls of the backward pass that are computed from values of the forward pass alone: what gradients are
    multiplied by. A factor such as 1/30 is where gradients begin: the derivative of a mean.
    """
    found: set[int] = set()
    for step in steps:
        operands = list(operands_of(step))
        simple = isinstance(step.function, np.ufunc) or step.function in REDUCTIONS
        if step.section != "backward" or not simple or not operands:
            continue
        begins = step.function is np.multiply and _number_in(step) == ""
        if not begins and all(item.section == "forward" or item.index in found for item in operands):
            found.add(step.index)
    return found


def _begun_with(step: Step, slopes: set[int]) -> Step | None:
    """The value of the forward pass that a first gradient is made from, by a factor such as 1/30: the logits."""
    if step.section != "backward" or step.function is not np.multiply or step.index in slopes:
        return None
    value = next((item for item in step.args if type(item) is Step and item.index in slopes), None)
    while value is not None and value.index in slopes:
        value = next((item for item in operands_of(value) if item.shape == step.shape), None)
    return value if value is not None and value.section == "forward" and _number_in(step) == "" else None


def made_up(step: Step, names: dict[int, str], slopes: set[int]) -> str:
    """A name that says how a value is made from those that have names.

    Args:
        names: by a step's index.
        slopes: see `slopes_in`.
    """
    wish = _described(step, names, slopes)
    if len(wish) <= LONGEST:
        return wish
    return "gradient" if step.section == "backward" else f"{step.op.replace('.', '_')}_result"


def _described(step: Step, names: dict[int, str], slopes: set[int]) -> str:
    named = [(names[operand.index], operand) for operand in operands_of(step) if operand.index in names]
    if not named:
        return "random" if step.draws else "value" if step.shape else step.op.replace(".", "_")
    backward = step.section == "backward"
    gradients = [(name, operand) for name, operand in named if name.startswith("d_") and operand.section == "backward"]
    if backward and step.index not in slopes and not gradients and isinstance(step.function, np.ufunc):
        return f"d_{core(named[0][0])}"
    arrays = [(name, operand) for name, operand in named if operand.shape]
    first, _ = (gradients if backward and gradients else arrays or named)[0]
    form = _FORMS.get(step.op)
    wish = None if form is None else form(step, first, names)
    if wish is not None:
        return wish
    short = core(first)
    if backward and gradients:
        return short
    if step.index in slopes:
        return f"{_without_verbs(short).removesuffix('_slope')}_slope"
    return _verbal(step, short, names)


# A name is not made longer than by one word from here on; and the longest that is made up.
LONG, LONGEST = 16, 32
_VERBS = r"^(exp|log|sqrt|tanh|scaled|shifted|negative|one_minus|safe)_"


def core(name: str) -> str:
    """What a name is about, without the last word on its form: `gates` of `gates_part_7`."""
    short = re.sub(r"(_(flat|rows|part|reshaped|float32|float64|T|swapped|copy|at_\d+|\d+))+$", "", name) or name
    return _without_verbs(short) if len(short) > LONG else short


def _without_verbs(name: str) -> str:
    found = re.sub(_VERBS, "", name)
    while found != name:
        name, found = found, re.sub(_VERBS, "", found)
    return name


def _number_in(step: Step) -> str | None:
    """The constant among the arguments as a part of a name, "" where it is none."""
    for item in step.args:
        value = item.value[()] if type(item) is Step and item.is_constant and not item.shape else item  # type: ignore[index]
        if isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool):
            return _WORDS.get(float(value), "")
    return None


_WORDS = {0.0: "zero", 1.0: "one", 2.0: "two", 3.0: "three"}


def _with_axes(step: Step, first: str, names: dict[int, str]) -> str:
    turned = re.search(r"_(T|swapped)(_\d+)?$", first)
    return f"{core(first)}_swapped" if turned else f"{first}_T"


def _reshaped(step: Step, first: str, names: dict[int, str]) -> str:
    if first.startswith("d_"):
        return core(first)
    kind = "flat" if len(step.shape) == 1 else "rows" if len(step.shape) == 2 else "reshaped"
    return f"{core(first)}_{kind}"


def _indexed(step: Step, first: str, names: dict[int, str]) -> str:
    index = step.args[1]
    places = [item for item in (index if type(index) is tuple else (index,)) if type(item) is int]
    return f"{core(first)}_at_{places[0]}" if len(places) == 1 and places[0] >= 0 else f"{core(first)}_part"


def _of_layer(step: Step, first: str, names: dict[int, str]) -> str | None:
    layer = step.scope[-1] if step.scope and step.section == "forward" else ""
    return f"{layer.lower()}_output" if layer.isidentifier() and layer not in dir(np) else None


def _multiplied(step: Step, first: str, names: dict[int, str]) -> str:
    if (output := _of_layer(step, first, names)) is not None:
        return output
    parts = [core(names[item.index]) for item in operands_of(step) if item.index in names]
    if step.section == "forward" and len(parts) == 2 and all(len(part) <= 8 for part in parts):
        return "_".join(parts)
    matrix = step.args[-1]
    of_parameter = type(matrix) is Step and matrix.given and len(parts) == 2
    if step.section == "forward" and of_parameter and len(parts[0]) > 8:
        return f"{names[matrix.index]}_output"
    return f"{core(first)}_product"


def _subtracted(step: Step, first: str, names: dict[int, str]) -> str | None:
    from_one = type(step.args[0]) in (int, float) and step.args[0] == 1
    return f"one_minus_{core(first)}" if from_one else None


def _compared(step: Step, first: str, names: dict[int, str]) -> str:
    number = _number_in(step)
    about = core(first)
    if not number:
        return f"{about}_mask"
    if step.op == "equal":
        rest = about.removeprefix("one_minus_")
        return f"{rest}_is_one" if rest != about and number == "zero" else f"{about}_is_{number}"
    if step.op == "greater" and number == "zero":
        return f"{about}_positive"
    words = {"greater": "above", "greater_equal": "at_least", "less": "below", "less_equal": "at_most"}
    return f"{about}_{words.get(step.op, 'is_not')}_{number}"


def _both(step: Step, first: str, names: dict[int, str]) -> str | None:
    parts = [core(names[item.index]) for item in operands_of(step) if item.index in names]
    return "_and_".join(parts) if len(parts) == 2 and sum(map(len, parts)) <= 2 * LONG else None


def _safe(step: Step, first: str, names: dict[int, str]) -> str:
    chosen = next((item for item in step.args[1:] if type(item) is Step and item.index in names), None)
    about = core(first if chosen is None else names[chosen.index])
    return about if about.startswith("safe_") else f"safe_{about}"


def _assembled(step: Step, first: str, names: dict[int, str]) -> str:
    below = all(type(place) is slice for place in step.args[1])
    last = names.get(step.args[0][-1].index, first)
    return f"{core(last)}_all" if below else core(first)


def _over_rows(word: str) -> Callable[[Step, str, dict[int, str]], str]:
    return lambda step, first, names: f"{_without_verbs(core(first))}_{word}"


_FORMS: dict[str, Callable[[Step, str, dict[int, str]], str | None]] = {
    **{function.__name__: _with_axes for function in TRANSPOSING},
    "reshape": _reshaped,
    "getitem": _indexed,
    "matmul": _multiplied,
    "convolve": _of_layer,
    "pool_max": _of_layer,
    "pool_max_input": lambda step, first, names: f"d_{core(names.get(step.args[1].index, first))}",
    "dot": _multiplied,
    "subtract": _subtracted,
    "sum": _over_rows("sum"),
    "max": _over_rows("max"),
    "min": _over_rows("min"),
    "equal": _compared,
    **dict.fromkeys(("greater", "greater_equal", "less", "less_equal", "not_equal"), _compared),
    "bitwise_and": _both,
    "logical_and": _both,
    "isfinite": _over_rows("is_finite"),
    "where": _safe,
    "assembled": _assembled,
    "astype": lambda step, first, names: f"{core(first)}_{step.dtype.name}",
    "copy": lambda step, first, names: f"{core(first)}_copy",
}

_JOINED = {"add": "plus", "subtract": "minus", "multiply": "times", "divide": "over"}


def _verbal(step: Step, short: str, names: dict[int, str]) -> str:
    """What is done to a value, and to which."""
    number = _number_in(step)
    by_number = number is not None or (step.shape and any(not item.shape for item in operands_of(step)))
    if step.op in ("multiply", "divide") and by_number:
        return f"scaled_{short}"
    if step.op in _JOINED:
        if number is not None:
            return f"{short}_{_JOINED[step.op]}_{number or 'number'}"
        if step.op == "multiply" and step.args[0] is step.args[1]:
            return f"{short}_squared"
        parts = [_without_verbs(core(names[item.index])) for item in operands_of(step) if item.index in names]
        apart = len(parts) == 2 and parts[0] not in parts[1] and parts[1] not in parts[0]
        if apart and sum(map(len, parts)) <= LONG:
            return f"{parts[0]}_{_JOINED[step.op]}_{parts[1]}"
        return f"shifted_{_without_verbs(short)}" if step.op == "subtract" else short
    if step.op == "square":
        return f"{short}_squared"
    if step.op == "power":
        return f"power_of_{short}" if len(short) <= LONG else short
    wish = f"{step.op.replace('.', '_')}_{short}"
    return wish if len(short) <= LONG or (step.section == "update" and len(wish) <= LONGEST) else short


_PRODUCTS = (np.multiply, np.matmul, np.dot)


def _untransposed(step: Step) -> Step:
    """What a matrix is the transpose of, a copy of it or the rows of; itself where it is none of these."""
    while (step.function in TRANSPOSING or step.function in (np.copy, np.reshape)) and type(step.args[0]) is Step:
        step = step.args[0]
    return step


def _cotangents(steps: list[Step]) -> tuple[dict[int, Step], dict[int, str]]:
    """Which calls of the backward pass compute the gradient of what, as far as it shows.

    Of a product the gradient of one factor is that of the product times the other; that of x in log(x) is divided by
    x. Of the rest, within the backward pass of a line, the last value of the shape of one of its operands: a guess,
    from shapes and lines. It decides about names alone.

    Returns:
        By the index of a step the value whose gradient it is; and the name it should have.
    """
    operands: dict[Line, list[Step]] = {}
    groups: dict[Line, list[Step]] = {}
    # By a line, a factor in it and a shape the other factor of that shape; None where there are several.
    of_factor: dict[tuple[Line, int, tuple[int, ...]], Step | None] = {}
    logarithms: set[tuple[Line, int]] = set()
    for step in steps:
        if step.source is None or step.function is None:
            continue
        line = (step.source.file, step.source.line)
        if step.section == "forward":
            for operand in operands_of(step):
                if operand.name is not None and operand.requires_grad:
                    operands.setdefault(line, []).append(operand)
            if step.function in _PRODUCTS and all(type(item) is Step for item in step.args):
                for item, other in (step.args, reversed(step.args)):
                    key = (line, item.index, other.shape)
                    of_factor[key] = other if of_factor.get(key, other) is other else None
            elif step.function is np.log and type(step.args[0]) is Step:
                logarithms.add((line, step.args[0].index))
        elif step.section == "backward":
            groups.setdefault(line, []).append(step)
    values: dict[int, Step] = {}
    found: dict[int, str] = {}
    seen: set[str] = set()
    for line, group in groups.items():
        for step in group:
            product = step.args[0] if step.function is np.sum else step  # of what was repeated the gradient is a sum
            if step.name is not None or type(product) is not Step or len(product.args) != 2:
                continue
            gradient, by = product.args
            if type(gradient) is not Step or type(by) is not Step:
                continue
            if product.function in (np.matmul, np.dot):
                # The gradient of x in x @ w is that of the product @ w.T, that of w is x.T @ it.
                gradient, by = (by, gradient) if _untransposed(by) is by else (gradient, by)
                by = _untransposed(by)
            if gradient.section != "backward" or by.section != "forward":
                continue
            other = of_factor.get((line, by.index, step.shape)) if product.function in _PRODUCTS else None
            if other is not None:
                values[step.index] = other
            elif step.function is np.divide and (line, by.index) in logarithms and by.shape == step.shape:
                values[step.index] = by
        seen |= {f"d_{values[step.index].name}" for step in group if step.index in values}
        without: set[tuple[int, ...]] = set()  # shapes that no unnamed value of the line has
        for operand in operands.get(line, ()):
            wish = f"d_{operand.name}"
            if wish in seen or operand.shape in without:
                continue
            match = next(
                (
                    s for s in reversed(group)
                    if s.shape == operand.shape and s.name is None and _untransposed(s).section == "backward"
                ),
                None,
            )  # fmt: skip
            if match is None:
                without.add(operand.shape)
            elif match.index not in found and match.index not in values:
                found[match.index] = wish
                seen.add(wish)
    return values, found
