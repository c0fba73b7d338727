"""The phrases of programs that are made up: expressions, conditions, and writes, by the shape of their values.

{row} is an expression of that shape, {row_} a name of that shape, {a} the name of the array that is written into. The
shapes hold for all sizes: a `number`; a `row`, as the argument h; a `matrix` of rows, as w; a `sequence` of rows over
time, as x; a `batch` of rows, as z, whose first axis passes through; `times` and `points` are a number for each row.
"""

from __future__ import annotations

EXPRESSIONS: dict[str, list[str]] = {
    "number": ["{number} * {number}", "{number} + {number}", "{number} - 0.5 * {number}", "np.sum({row})",
        "np.mean({batch})", "{row} @ {row}", "np.max({row})", "{row}[0]", "{row}[-1]", "np.tanh({number})",
        "np.sum({row} * {row})", "np.sqrt(np.sum({row} ** 2) + 1)", "{number} / (1 + {number} ** 2)",
        "np.mean({times})", "{sequence}.mean()", "np.log(1 + {number} ** 2)", "{matrix}[0, 1]", "np.trace({matrix})",
        "{batch}[0, -1]", "np.min({points})", "abs({number})", "-{number}", "{row}.sum() / len({row_})",
        "{number} ** 2", "np.exp(-({number} ** 2))", "rate", "0.5", "2 * {number}", "{times}[0]",
        "np.dot({row}, {row})", "{number} * rate", "np.maximum({number}, 0)"],
    "row": ["{row} * {row}", "{row} + {row}", "{row} - {row}", "{number} * {row}", "np.tanh({row})",
        "{matrix} @ {row}", "{row} @ {matrix}", "{sequence}[0]", "{sequence}[-1]", "{row}[::-1]", "np.roll({row}, 1)",
        "np.cumsum({row})", "np.maximum({row}, {number})", "np.where({row} > {number}, {row}, 0.5 * {row})",
        "{batch}[0]", "-{row}", "{sequence}.sum(axis=0)", "np.mean({batch}, axis=0)", "{matrix}[0]", "{matrix}[:, 1]",
        "{row} / (1 + {row} ** 2)", "{row} + rate * np.sin({row})", "0.9 * {row} + 0.1 * {row}", "{row}.copy()",
        "np.abs({row})", "np.diag({matrix})", "tg.sigmoid({row})", "tg.softmax({row})", "{row} - np.mean({row})",
        "{times} @ {sequence}", "{row} ** 2", "np.concatenate([{row}[1:], {row}[:1]])", "np.clip({row}, -1, 1)",
        "np.exp(-({row} ** 2))", "{row} + 1", "np.sort({row})", "np.tanh({matrix} @ {row} + {row})",
        "np.take({row}, [1, 0], mode='wrap')[0] * {row}"],
    "matrix": ["np.outer({row}, {row})", "{matrix} @ {matrix}", "{matrix}.T", "{matrix} + {matrix}",
        "{matrix} * {row}", "np.tanh({matrix})", "{row}[:, None] * {row}", "0.5 * {matrix}", "np.diag({row})",
        "{batch}.T @ {batch}", "np.linalg.inv({matrix} @ {matrix}.T + np.eye(len({row_})))"],
    "sequence": ["{sequence} * {row}", "np.tanh({sequence})", "{sequence}[::-1]", "np.cumsum({sequence}, axis=0)",
        "{sequence} @ {matrix}", "{sequence} + {number}", "{times}[:, None] * {row}", "{sequence} - {sequence}"],
    "batch": ["{batch} @ {matrix}", "{batch} * {row}", "np.tanh({batch})", "{batch} - np.mean({batch}, axis=0)",
        "{batch} + {batch}", "{points}[:, None] * {row}", "tg.softmax({batch})", "{number} * {batch}",
        "np.maximum({batch}, 0)", "{batch} - {batch}.mean(axis=1, keepdims=True)", "{batch}[::-1]"],
    "times": ["{sequence} @ {row}", "{sequence}.sum(axis=1)", "{sequence}[:, 0]", "np.tanh({times})",
        "{times} * {number}"],
    "points": ["{batch} @ {row}", "np.sum({batch}, axis=1)", "{batch}[:, -1]", "{points} * {points}",
        "np.sin({points})"],
}  # fmt: skip
SHAPES = tuple(EXPRESSIONS)

DRAWN: dict[str, list[str]] = {
    "number": ["draws.uniform(noise, ())", "draws.normal(noise, (2,))[0]"],
    "row": ["draws.normal(noise, {row_}.shape)", "draws.uniform(noise, {row_}.shape) * {number}"],
    "matrix": ["draws.normal(noise, {matrix_}.shape)"],
    "sequence": ["draws.normal(noise, {sequence_}.shape) * {row}"],
    "batch": ["{batch} * (draws.uniform(noise, {batch_}.shape) < 0.5)"],
}  # fmt: skip

# Functions of the module, and Python's own over the rows of a sequence.
CALLED: dict[str, list[str]] = {
    "number": ["sum(item @ {row} for item in {sequence})", "energy_of({row}, {matrix})",
        "sum([np.tanh(item[0]) for item in {sequence}])", "functools.reduce(lambda a, b: 0.5 * a + b, {row})"],
    "row": ["cell({row}, {row})", "cell(cell({row}, {row}), {row})", "relaxed({row}, {matrix})",
        "sum(np.tanh(item) * {number} for item in {sequence})",
        "sum(item * 0.5**i for i, item in enumerate({sequence}))",
        "functools.reduce(cell, {sequence})", "relaxed(relaxed({row}, {matrix}), {matrix})"],
    "sequence": ["np.stack([cell(item, {row}) for item in {sequence}])", "np.stack([{row} for _ in {sequence}])",
        "np.stack([*{sequence}][::-1])"],
    "times": ["np.stack([item @ {row} for item in {sequence}])"],
}  # fmt: skip

FUNCTIONS = """

def cell(a, b):
    return np.tanh(a + 0.5 * b)


def relaxed(u, m):
    for step in range(3):
        u = u + 0.1 * np.tanh(m @ u) / (step + 1)
    return u


def energy_of(u, m):
    total = 0.0
    for i in range(len(u)):
        total = total + u[i] * (m[i] @ u)
    return 0.1 * total
"""

# The argument k is an int.
COUNTED: dict[str, list[str]] = {
    "number": ["rate / (k + 1)", "0.9**k", "{number} * k", "(1 - 0.5**k) * {number}", "{number} + k", "k * 0.1",
        "k / 3", "np.sin(k)", "np.sqrt(k) * {number}", "{number} / k", "(k % 3) * {number}", "(k // 2) + {number}"],
    "row": ["{row} * k", "{row} / k", "{row} + 1 / (k + 2)", "np.full_like({row_}, k)", "k - {row}", "{row} * 0.5**k"],
    "batch": ["{batch} / k"],
}  # fmt: skip

INNER: dict[str, list[str]] = {
    "number": ["tg.grad(lambda s: np.sum(np.tanh(s * {row})))({number})", "tg.value_and_grad(np.sin)({number})[0]"],
    "row": ["tg.grad(lambda u: np.sum(np.tanh(u) * {row}))({row})", "tg.jvp(np.tanh, ({row},), ({row},))[1]",
        "tg.grad(lambda u: np.sum(({matrix} @ u) ** 2))({row})",
        "tg.hvp(lambda u: np.sum(np.sin(u) * u), ({row},), ({row},))"],
    "matrix": ["tg.hessian(lambda u: np.sum(np.sin(u) * u * {number}))({row})",
        "tg.jacobian(lambda u: np.tanh(u * {row}))({row})"],
}  # fmt: skip

# --- decisions --------------------------------------------------------------------------------------------------------

# The bounds lie where rounding does not decide: the mean of what was centred is 0 or 1e-17.
CONDITIONS = [
    "{number} > 0.05", "{number} < {number} + 0.03", "np.sum({row}) > 0.05", "{row}[0] > {row}[1] + 0.02",
    "np.any({row} > 1.01)", "np.all({row} > -1.01)", "{number} > 0.07 and {number} < 0.93", "not {number} > 0.02",
    "0.03 < {number} < 0.97", "{row}.max() > 0.51", "(np.abs({row}) < 0.98).all()", "np.isfinite({number})",
    "np.allclose({row}, {row_})", "{number} > 0.04 or {row}[0] < -0.04", "np.linalg.norm({row}) > 0.96",
    "bool({number} >= 0.06)", "np.argmax({row}) == 0", "np.sign({number} - 0.03) == 1",
    "len({row_}) > 2 and {number} > 0.01", "{batch}.mean() > 0.02", "({row} > 0.04).sum() > 1",
]  # fmt: skip

CHOICES: dict[str, list[str]] = {
    "number": ["min({number}, {number})", "max({number}, 0.0)", "sorted([{number}, {number}, {number}])[1]",
        "{number} if {condition} else {number}", "max({row_})", "({number} or 1.0)", "min({number}, 1)"],
    "row": ["{row} if {condition} else {row}", "max([{row}, {row}], key=np.sum)"],
}  # fmt: skip

INDICES: dict[str, list[str]] = {
    "number": ["{row}[np.argmax({row})]", "{row}[np.argmin({row})]", "{row}[np.argsort({row})[0]]",
        "{times}[np.argmax({times})]"],
    "row": ["{sequence}[np.argmax({times})]", "{row}[np.argsort({row})]", "{batch}[np.argmin({points})]",
        "np.take({batch}, np.argmax({points}), axis=0)"],
}  # fmt: skip

# Numbers that are taken out of the arrays.
TAKEN_OUT: dict[str, list[str]] = {
    "number": ["float({number})", "{number}.item()", "{row}.tolist()[0]", "math.sqrt(abs({number}))"],
    "row": ["[{row}, {row}][int({condition})]", "{row} * float({number})", "{row} / round(2 + abs({number}))"],
}  # fmt: skip

# --- writes -----------------------------------------------------------------------------------------------------------

MADE: dict[str, list[str]] = {
    "number": ["np.array({number})"],
    "row": ["np.zeros(len({row_}))", "np.zeros_like({row_})", "np.copy({row})", "{row_}.copy()",
        "np.zeros({row_}.shape)", "np.ones_like({row_})", "np.empty_like({row_}); {a}[:] = {row}", "{row} * 1.0",
        "np.full_like({row_}, 0.5)"],
    "sequence": ["np.zeros_like({sequence_})", "np.zeros({sequence_}.shape)", "np.copy({sequence})",
        "{sequence} * 1.0", "np.zeros((len({sequence_}), len({row_})))",
        "np.empty_like({sequence_}); {a}[...] = {row}"],
    "batch": ["np.zeros_like({batch_})", "{batch_}.copy()", "{batch} * 1.0"],
    "matrix": ["np.eye(len({row_}))", "{matrix_}.copy()", "np.zeros_like({matrix_})", "{matrix} * 1.0"],
    "times": ["np.zeros(len({sequence_}))", "np.zeros_like({times_})"],
}  # fmt: skip

WRITES: dict[str, list[str]] = {
    "number": ["{a}[...] = {number}", "{a}[()] = {number}"],
    "row": ["{a}[0] = {number}", "{a}[-1] += {number}", "{a}[1:] = {row}[:-1]", "{a}[1:-1] += {row}[2:] - {row}[:-2]",
        "{a}[::2] *= {number}", "np.add({row}, {row}, out={a})", "np.multiply({a}, {number}, out={a})",
        "{a}[:] = {row}", "{a}[...] = {row}", "{a}[{row} > 0] = {number}", "{a}[[0, 1]] = {number}",
        "{a}.fill({number})", "np.copyto({a}, {row})", "{a}[0], {a}[1] = {a}[1], {a}[0]",
        "np.add.at({a}, [0, 0, 1], {number})", "{a}[1:] += {a}[:-1]", "np.maximum({a}, 0, out={a})",
        "{a}[::-1] = {row}", "{a}[0] = {a}[1] = {number}", "{a}[1:-1] += 0.1 * ({a}[2:] - 2 * {a}[1:-1] + {a}[:-2])",
        "for i in range(len({a})): {a}[i] = {row}[i] * {number}",
        "for i in range(1, len({a})): {a}[i] = 0.5 * {a}[i - 1] + {row}[i]", "np.tanh({a}, out={a})",
        "np.copyto({a}, {row}, where={row} > 0)", "{a}[1:] -= {number}"],
    "sequence": ["{a}[0] = {row}", "{a}[1:] = {sequence}[:-1]", "{a}[:, 0] = {times}", "{a}[:, 1:-1] *= {number}",
        "{a}[-1, 0] += {number}", "for i in range(1, len({a})): {a}[i] = 0.5 * {a}[i - 1] + np.tanh({sequence}[i])",
        "{a}[:, ::-1] += {sequence}", "for i in range(len({a})): {a}[i] = {row} * {times}[i]",
        "np.tanh({a}, out={a})", "{a}[1:-1] += {a}[2:] - {a}[:-2]",
        "for i, item in enumerate({sequence}): {a}[i] = np.tanh(item)", "{a}[...] = {row}"],
    "batch": ["{a}[0] = {row}", "{a}[:, 0] = {points}", "{a}[:, 1:] *= {number}",
        "np.multiply({batch}, {row}, out={a})", "{a}[:] = {batch}", "{a}[{points} > 0] = 0",
        "np.maximum({a}, 0, out={a})"],
    "matrix": ["{a}[0] = {row}", "{a}[:, 1] = {row}", "np.fill_diagonal({a}, {number})", "{a}[0, 1] = {number}",
        "{a}.T[0] += {row}", "{a}[1:-1, 1:-1] += 0.2 * ({a}[2:, 1:-1] + {a}[:-2, 1:-1])", "{a}[[0, 1]] = {a}[[1, 0]]",
        "{a}[1:] -= {a}[:-1] * {number}",
        "for i in range(len({a})): {a}[i + 1 :] -= 0.1 * np.outer({a}[i + 1 :, i], {a}[i])",
        "for i in range(len({a})): {a}[i, : i + 1] = {row}[: i + 1] * 0.5", "{a}[np.arange(2), [1, 0]] = {number}"],
    "times": ["{a}[0] = {number}", "{a}[1:] += {times}[:-1]", "{a}[:] = {times}",
        "for i in range(len({a})): {a}[i] = np.sum({sequence}[i] * {row})"],
    "points": ["{a}[0] = {number}"],
}  # fmt: skip

UPDATES = {
    shape: [f"{{a}} += {{{shape}}}", f"{{a}} -= rate * {{{shape}}}", "{a} *= {number}", "{a} /= 2"] for shape in SHAPES
}

VIEWS: dict[str, list[str]] = {
    "row": ["{sequence_}[0]", "{sequence_}[-1]", "{matrix_}[1]", "{matrix_}[:, 0]", "{matrix_}.T[0]", "{row_}[::-1]",
        "{batch_}[0]", "{row_}[:]", "{row_}.reshape(-1)"],
    "matrix": ["{matrix_}.T", "{matrix_}[::-1]"],
    "sequence": ["{sequence_}[::-1]", "{sequence_}[:, ::-1]"],
    "batch": ["{batch_}[...]"],
}  # fmt: skip

NAMES: dict[str, list[str]] = {
    "number": ["total", "s", "err", "energy", "scale"],
    "row": ["y", "u", "c", "state", "v", "new", "slope"],
    "matrix": ["m", "cov", "J"],
    "sequence": ["ys", "out", "path"],
    "batch": ["hidden", "logits", "a"],
    "times": ["series", "weights"],
    "points": ["scores", "losses"],
}  # fmt: skip
