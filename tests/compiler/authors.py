"""An `Author` draws the lines of a function as a person would write them.

It knows the shape of each name, and fills the holes of `phrases` with expressions of such names. The kinds of lines
that it may draw are given to it, and the ones it drew are in `used`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.compiler.phrases import (
    CALLED,
    CHOICES,
    CONDITIONS,
    COUNTED,
    DRAWN,
    EXPRESSIONS,
    INDICES,
    INNER,
    MADE,
    NAMES,
    SHAPES,
    TAKEN_OUT,
    UPDATES,
    VIEWS,
    WRITES,
)

Choose = Callable[[Sequence[Any]], Any]

KINDS = (
    "loops", "loops in loops", "lists", "whiles", "branches", "returns", "choices", "indices", "errors", "writes",
    "writes into views", "writes into arguments", "updates of arrays", "aliases", "sizes", "counters", "draws",
    "tensors", "inner gradients", "arrays of lists",
    "numbers taken out",
    "functions", "layers", "outside", "not finite", "shared arguments", "large",
    "numpy itself",
)  # fmt: skip


ARGUMENTS = {"x": "sequence", "z": "batch", "h": "row", "w": "matrix", "rate": "number"}
TENSORS = {"p": "matrix", "q": "row", "bias": "number"}

# The kinds of lines that are expressions.
TABLES = {
    "draws": DRAWN, "counters": COUNTED, "choices": CHOICES, "indices": INDICES, "inner gradients": INNER,
    "numbers taken out": TAKEN_OUT, "functions": CALLED,
}  # fmt: skip
Node = Any  # a line, or a pair of the line that begins a block and the nodes in it


@dataclass
class Author:
    """Draws the lines of a function, and knows the names there are.

    Attributes:
        choose: takes one item of a sequence.
        kinds: of lines that may be drawn.
        names: the shape of each name.
        made: names of arrays that may be written into.
        near: expressions that are at hand here, by shape, such as `x[t]` in a loop over t.
        used: the kinds that were drawn.
    """

    choose: Choose
    kinds: frozenset[str]
    names: dict[str, str] = field(default_factory=lambda: dict(ARGUMENTS))
    made: list[str] = field(default_factory=list)
    near: list[tuple[str, str]] = field(default_factory=list)
    used: set[str] = field(default_factory=set)
    depth: int = 0
    loops: int = 0
    counter: int = 0

    def maybe(self, often: int, of: int = 10) -> bool:
        """Return True `often` times `of` ten."""
        return bool(self.choose(range(of)) < often)

    def may(self, kind: str, often: int, of: int = 10) -> bool:
        """Return whether a kind of lines is drawn now; then it is used."""
        if kind in self.kinds and self.maybe(often, of):
            self.used.add(kind)
            return True
        return False

    # --- expressions --------------------------------------------------------------------------------------------------

    def named(self, shape: str) -> str | None:
        found = [name for name, of in self.names.items() if of == shape]
        # what was computed last is read more often
        return str(self.choose(found + found[-2:] * 2)) if found else None

    def leaf(self, shape: str) -> str:
        near = [text for of, text in self.near if of == shape]
        if near and self.maybe(5):
            return str(self.choose(near))
        name = self.named(shape)
        if name is not None:
            return name
        return {"times": "x[:, 0]", "points": "z[:, 1]"}[shape]

    def expression(self, shape: str, depth: int = 2) -> str:
        if depth == 0 or self.maybe(2):
            return self.leaf(shape)
        for kind, table in TABLES.items():
            if shape in table and self.may(kind, 1):
                return self.bracketed(self.filled(self.choose(table[shape]), depth - 1))
        return self.bracketed(self.filled(self.choose(EXPRESSIONS[shape]), depth - 1))

    def bracketed(self, text: str) -> str:
        return text if re.fullmatch(r"[\w.]+([(\[][^()\[\]]*[)\]])?", text) else f"({text})"

    def filled(self, template: str, depth: int, **given: str) -> str:
        """A template with expressions and names in its holes."""

        def hole(match: re.Match[str]) -> str:
            word = match.group(1)
            if word in given:
                return given[word]
            if word == "condition":
                return self.condition()
            if word.endswith("_"):
                return self.named(word[:-1]) or {"times_": "x[:, 0]", "points_": "z[:, 1]"}[word]
            return self.expression(word, depth)

        return re.sub(r"\{(\w+)\}", hole, template)

    def condition(self) -> str:
        return self.filled(self.choose(CONDITIONS), 1)

    # --- lines --------------------------------------------------------------------------------------------------------

    def block(self, least: int, most: int) -> list[Node]:
        """Some lines, after which the names are what they were before."""
        names, made, near = dict(self.names), list(self.made), list(self.near)
        self.depth += 1
        nodes: list[Node] = []
        for _ in range(self.choose(range(least, most + 1))):
            nodes += self.line()
        self.depth -= 1
        self.names, self.made, self.near = names, made, near
        return nodes or ["pass"]

    def line(self) -> list[Node]:
        """One statement, or a few that belong together."""
        deep = self.depth < 3
        drawn = [
            ("loops", 3, self.loop, deep and self.loops == 0),
            ("loops in loops", 2, self.loop, deep and self.loops == 1),
            ("lists", 1, self.list_of_rows, deep and self.loops < 2),
            ("whiles", 2, self.convergence, deep and self.loops < 2),
            ("branches", 2, self.branch, deep),
            ("returns", 1, self.early_return, deep),
            ("errors", 1, self.error, True),
            ("writes", 3, self.write, True),
            ("writes into views", 1, self.write_into_view, True),
            ("updates of arrays", 2, self.update, True),
            ("writes into arguments", 1, self.write_into_argument, True),
            ("aliases", 1, self.alias, True),
            ("layers", 2, self.layers, deep and self.loops < 2),
            ("outside", 2, self.write_outside, True),
            ("tensors", 1, self.tensor_update, True),
        ]
        for kind, often, make, possible in drawn:
            if possible and kind in self.kinds and self.maybe(often):
                nodes: list[Node] = make()
                if nodes:
                    self.used.add(kind)
                    return nodes
        return self.assign()

    def assign(self) -> list[Node]:
        shape = self.choose(["number", "number", "row", "row", "row", "matrix", "sequence", "batch", "times", "points"])
        if self.loops or self.maybe(4):  # values that are carried
            carried = [name for name, of in self.names.items() if name not in (*TENSORS, "table") and of != "sequence"]
            carried = [name for name in carried if name != "rate" and self.names[name] in ("number", "row", "matrix")]
            name = self.choose(carried)
            shape = self.names[name]
            keep = self.choose(["{e}", "np.tanh({a} + {e})", "0.5 * {a} + 0.1 * {e}", "{a} + rate * {e}", "{a} + {e}",
                                "0.9 * {a} + np.sin({e})"])  # fmt: skip
            if shape == "row" and self.maybe(1):
                other = self.choose([item for item in carried if self.names[item] == "row"])
                self.forget(name, other)
                return [f"{name}, {other} = {other}, np.tanh({self.expression('row')})"]
            text = self.filled(keep, 2, a=name, e=self.expression(shape))
        else:
            name = self.choose(NAMES[shape])
            text = self.expression(shape)
        self.forget(name)
        self.names[name] = shape
        if not re.fullmatch(r"\w+|[\w.]+\[.*\]", text):
            self.made.append(name)
        return [f"{name} = {text}"]

    def forget(self, *names: str) -> None:
        self.made = [name for name in self.made if name not in names]

    # --- loops --------------------------------------------------------------------------------------------------------

    @contextmanager
    def inside(self, *near: tuple[str, str], **names: str) -> Iterator[None]:
        before, near_before = dict(self.names), list(self.near)
        self.names.update(names)
        self.near += near
        self.loops += 1
        yield
        self.loops -= 1
        self.names, self.near = before, near_before

    def head(self) -> tuple[str, list[tuple[str, str]], dict[str, str]]:
        """The first line of a loop, what is at hand in it, and the names that it makes."""
        over, t = self.named("sequence"), "t" if self.loops == 0 else "i"
        row, last = ("item", "before") if self.loops == 0 else ("inner", "other")
        times = [("number", f"0.9**{t}"), ("number", f"1 / ({t} + 1)"), ("number", f"0.1 * {t}")]
        here = [("row", f"{over}[{t}]"), ("row", f"{over}[{t} - 1]"), ("row", f"{over}[{t}]"), *times]
        heads: list[tuple[str, list[tuple[str, str]], dict[str, str]]] = [
            (f"for {t} in range(len({over})):", here, {}),
            (f"for {t} in range({over}.shape[0]):", here, {}),
            (f"for {t} in range(1, len({over})):", here, {}),
            (f"for {t} in reversed(range(len({over}))):", here, {}),
            (f"for {t} in range(len({over}) - 1, -1, -1):", here, {}),
            (f"for {row} in {over}:", [("row", row)], {row: "row"}),
            (f"for {row} in {over}[::-1]:", [("row", row)], {row: "row"}),
            (f"for {t}, {row} in enumerate({over}):", [("row", row), *times], {row: "row"}),
            (f"for {last}, {row} in zip({over}[:-1], {over}[1:]):", [("row", f"({row} - {last})")],
             {row: "row", last: "row"}),
            (f"for {t} in range(5):", times, {}),
            ("for _ in range(4):", [], {}),
            ("for _ in range(6):", [], {}),
            ("for weight in (w, w.T, 0.5 * w, w):", [("matrix", "weight")], {"weight": "matrix"}),
            (f"for {t} in range(len({over})):",
             [("row", f"{over}[: {t} + 1].sum(axis=0)"), ("row", f"np.mean({over}[{t}:], axis=0)"),
              ("number", f"np.sum({over}[: {t} + 1])")], {}),
            ("for factor in [0.5, 0.25, 0.125]:", [("number", "factor")], {"factor": "number"}),
            ("for factor in (0.3, -0.2, 0.7, 0.1):", [("number", "factor")], {"factor": "number"}),
            ("for factor in np.linspace(0, 1, 4):", [("number", "factor")], {"factor": "number"}),
            (f"for {row} in z[:2]:", [("row", row)], {row: "row"}),
            (f"for {t} in range(len(h)):",
             [("number", f"h[{t}]"), ("row", f"w[{t}]"), ("row", f"w[:, {t}]"), *times], {}),
        ]  # fmt: skip
        return self.choose(heads)

    def loop(self) -> list[Node]:
        head, near, names = self.head()
        nodes: list[Node] = []
        if self.loops == 0 and self.maybe(5):
            nodes += self.assign()
        with self.inside(*near, **names):
            body = self.block(1, 3)
            counter = re.match(r"for ([ti])\b", head)
            if counter is not None:
                t = counter.group(1)
                if self.maybe(1):
                    body = [(f"if {t} == 0:", self.block(1, 1)), ("else:", body)]
                elif self.maybe(1):
                    body += [(f"if {t} % 2 == 0:", self.block(1, 1))]
                elif self.maybe(1):
                    body = [(f"if {t} == 1:", ["continue"]), *body]
                writable = [name for name in self.made if self.names.get(name) == "sequence"]
                if "len(h)" not in head and "range(5)" not in head and writable and self.may("writes", 6):
                    body += [f"{self.choose(writable)}[{t}] = {self.expression('row')}"]
            if "branches" in self.kinds and self.may("branches", 1):
                body += [(f"if {self.condition()}:", ["break"])]
        return [*nodes, (head, body)]

    def list_of_rows(self) -> list[Node]:
        """A loop that collects rows in a list."""
        over = self.named("sequence")
        name = f"items{self.fresh()}"
        with self.inside(("row", "item")):
            body = self.block(0, 2)
            body = [] if body == ["pass"] else body
            append = [f"{name}.append({self.expression('row')})"]
        head = f"for item in {over}:"
        result = self.choose(NAMES["sequence"])
        self.forget(result)
        self.names[result] = "sequence"
        nodes: list[Node] = [f"{name} = []", (head, [*body, *append]), f"{result} = np.stack({name})"]
        if self.maybe(1):
            return [f"{result} = np.stack([{self.row_of('item')} for item in {over}])"]
        if self.may("arrays of lists", 5):
            nodes[-1] = f"{result} = np.array({name}).reshape({over}.shape)"
        if self.maybe(2):
            nodes.append(f"state = sum({name}) / len({name})")
            self.names["state"] = "row"
            self.forget("state")
        return nodes

    def row_of(self, name: str) -> str:
        with self.inside(("row", name)):
            return self.expression("row")

    def fresh(self) -> int:
        self.counter += 1
        return self.counter

    def convergence(self) -> list[Node]:
        """A loop that ends when a value converges. Each turn brings u nearer to it, or the turns are counted."""
        n = self.fresh()
        u, new, err, steps, goal = (f"{word}{n}" for word in ("u", "new", "err", "steps", "goal"))
        nodes: list[Node] = [f"{goal} = {self.expression('row', 1)}", f"{u} = {self.expression('row', 1)}"]
        self.names[u] = "row"
        step = self.choose([
            f"0.5 * np.tanh({u}) + 0.3 * {goal}", f"0.4 * np.sin({u} + {goal})", f"{u} - 0.6 * ({u} - np.tanh({goal}))",
        ])  # fmt: skip
        measure = self.choose([f"np.max(np.abs({new} - {u}))", f"np.sum(({new} - {u}) ** 2)",
                               f"np.linalg.norm({new} - {u})"])  # fmt: skip
        tolerance = self.choose(["1e-2", "1e-3", "1e-1", "rate * 0.1"])
        turn: list[Node] = [f"{new} = {step}", f"{err} = {measure}", f"{u} = {new}"]
        form = self.choose(["while", "while", "bounded", "break", "for"])
        if form == "while":
            return [*nodes, f"{err} = 1.0", (f"while {err} > {tolerance}:", turn)]
        if self.maybe(3):
            with self.inside():
                turn = [*self.block(1, 1), *turn]
        if form == "bounded":
            nodes.append(f"{err}, {steps} = 1.0, 0")
            return [*nodes, (f"while {err} > {tolerance} and {steps} < 9:", [*turn, f"{steps} += 1"])]
        if form == "break":
            stop = [f"{steps} += 1", (f"if {err} < {tolerance} or {steps} == 9:", ["break"])]
            return [*nodes, f"{steps} = 0", ("while True:", [*turn, *stop])]
        return [*nodes, ("for _ in range(8):", [*turn, (f"if {err} < {tolerance}:", ["break"])])]

    # --- branches -----------------------------------------------------------------------------------------------------

    def branch(self) -> list[Node]:
        nodes: list[Node] = [(f"if {self.condition()}:", self.block(1, 2))]
        if self.maybe(2):
            nodes.append((f"elif {self.condition()}:", self.block(1, 1)))
        if self.maybe(5):
            nodes.append(("else:", self.block(1, 2)))
        return nodes

    def early_return(self) -> list[Node]:
        return [(f"if {self.condition()}:", [f"return {self.result()}"])]

    def error(self) -> list[Node]:
        if self.maybe(5):
            return [f"assert {self.condition()}"]
        return [(f"if {self.condition()}:", ["raise ValueError('too large')"])]

    # --- writes -------------------------------------------------------------------------------------------------------

    def new_array(self) -> list[Node]:
        shape = self.choose(["row", "row", "row", "sequence", "sequence", "matrix", "batch", "times", "number"])
        name = self.choose(NAMES[shape])
        text = self.filled(self.choose(MADE[shape]), 1, a=name)
        self.forget(name)
        self.names[name] = shape
        self.made.append(name)
        return [f"{name} = {text}"]

    def writable(self) -> tuple[str, list[Node]]:
        names = [name for name in self.made if name in self.names]
        nodes: list[Node] = []
        if not names or (self.loops == 0 and self.maybe(4)):
            nodes = self.new_array()
            names = self.made[-1:]
        return self.choose(names), nodes

    def write(self) -> list[Node]:
        name, nodes = self.writable()
        return [*nodes, self.filled(self.choose(WRITES[self.names[name]]), 1, a=name)]

    def update(self) -> list[Node]:
        name, nodes = self.writable()
        return [*nodes, self.filled(self.choose(UPDATES[self.names[name]]), 1, a=name)]

    def write_into_argument(self) -> list[Node]:
        name = self.choose(["x", "z", "h", "h", "w"])
        return [self.filled(self.choose([*WRITES[self.names[name]], *UPDATES[self.names[name]]]), 1, a=name)]

    def write_outside(self) -> list[Node]:
        """A write into an array of the module."""
        line = self.choose([*WRITES["row"], "{a}[:] += {row}", "{a}[...] *= {number}"])
        return [self.filled(line, 1, a="table")]

    def layers(self) -> list[Node]:
        """States in a list, or in a dict, that a loop over layers writes."""
        number = self.fresh()
        if self.maybe(5):
            hs = f"hs{number}"
            body = [f"{hs}[i] = np.tanh({hs}[i - 1] + {self.expression('row')})"]
            nodes: list[Node] = [f"{hs} = [{self.leaf('row')} for _ in range(4)]", ("for i in range(1, 4):", body)]
            if self.maybe(5):
                nodes = [nodes[0], ("for _ in range(3):", nodes[1:])]
            self.near.append(("row", f"{hs}[-1]"))
            return nodes
        store = f"store{number}"
        self.near.append(("row", f"{store}['h']"))
        begin = f"{store} = {{'h': {self.leaf('row')}, 'c': {self.leaf('number')}}}"
        with self.inside(("number", f"{store}['c']")):
            body = [f"{store}['h'] = np.tanh({store}['h'] + {self.expression('row')})",
                    f"{store}['c'] = 0.5 * {store}['c'] + {self.expression('number')}"]  # fmt: skip
        return [begin, (f"for _ in range({self.choose([3, 5])}):", body)]

    def write_into_view(self) -> list[Node]:
        name, nodes = self.writable()
        shape = self.names[name]
        views = [(of, text) for of, items in VIEWS.items() for text in items if "{" + shape + "_}" in text]
        if not views:
            return []
        of, text = self.choose(views)
        view = self.choose(NAMES[of])
        if view == name:
            return []
        nodes.append(f"{view} = {self.filled(text, 0, **{shape + '_': name})}")
        self.forget(view)
        self.names[view] = of
        self.made.append(view)
        return [*nodes, self.filled(self.choose([*WRITES[of], *UPDATES[of]]), 1, a=view)]

    def alias(self) -> list[Node]:
        name, nodes = self.writable()
        other = self.choose(NAMES[self.names[name]])
        if other == name:
            return []
        self.forget(other)
        self.names[other] = self.names[name]
        self.made.append(other)
        return [*nodes, f"{other} = {name}"]

    # --- Tensors ------------------------------------------------------------------------------------------------------

    def tensor_update(self) -> list[Node]:
        loss = self.result()
        number = self.choose(["0.1", "rate", "rate * 0.5"])
        forms: list[list[Node]] = [
            [f"p.assign(p.data - {number} * p.grad)", f"q.assign(q.data - {number} * q.grad)"],
            [f"p.data -= {number} * p.grad", f"q.data -= {number} * q.grad"],
            [("with tg.no_grad():", [f"q.assign(q - {number} * q.grad)", f"bias.assign(bias - {number} * bias.grad)"])],
            [f"memory.assign(0.9 * memory.data + {number} * q.grad)", "q.assign(q.data - 0.1 * memory.data)"],
            [f"memory.data += {number} * q.grad", f"p.assign(p.data * (1 - {number}))"],
            [f"for t_ in (p, q, bias): t_.assign(t_.data - {number} * t_.grad)"],
        ]  # fmt: skip
        clear = self.choose([["p.grad = q.grad = bias.grad = None"], ["p.grad = None", "q.grad = None"], []])
        back = self.choose(["loss.backward()", "loss.backward(retain_graph=True)"])
        return [f"loss = {loss}", back, *self.choose(forms), *clear]

    def result(self) -> str:
        """An expression of one number, in which most names take part."""
        parts = [self.expression("number", 1)]
        for name in [*self.names][-4:]:
            if self.names[name] in SHAPES:
                parts.append(self.choose([f"np.sum({name})", f"np.sum({name} * {name})", f"np.mean(np.sin({name}))"]))
        if "tensors" in self.kinds:
            parts.append("np.sum(p * p) * 0.1 + np.sum(q * np.arange(len(q))) + bias**2")
        return " + ".join(parts)

    def nest(self) -> str:
        """A result that is a nest of arrays and numbers."""
        names = [name for name in self.names if name not in TENSORS]
        a, b, c = (self.choose(names[-4:]) for _ in range(3))
        forms = [f"{a} * 1", f"{a} * 1.0, [{b} + 0, {c} * 2]", f"{{'a': {a} * 2, 'b': np.sum({b})}}",
                 f"np.tanh({a}), {self.result()}", f"{b} + np.sum({c})",
                 f"[{a} * 0.5, {{'last': {b} + rate}}]"]  # fmt: skip
        return str(self.choose(forms))


def lines_of(nodes: list[Node], indent: str = "    ") -> Iterator[str]:
    """The text of nodes."""
    for node in nodes:
        if isinstance(node, str):
            yield indent + node
        else:
            yield indent + node[0]
            yield from lines_of(node[1], indent + "    ")
