"""A step that is computed block by block is the step at once, to the bit."""

import functools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygraph as tg
from tinygraph.optim import blocks, moving

KINDS = [
    (tg.optim.SGD, {}),
    (tg.optim.SGD, {"momentum": 0.9, "nesterov": True}),
    (tg.optim.Lion, {}),
    (tg.optim.Adagrad, {}),
    (tg.optim.Adadelta, {}),
    (tg.optim.RMSprop, {"centered": True, "momentum": 0.5}),
    (tg.optim.Adam, {}),
    (tg.optim.Adam, {"amsgrad": True, "global_clipnorm": 1.0}),
    (tg.optim.AdamW, {}),
    (tg.optim.Adamax, {"use_ema": True, "ema_overwrite_frequency": 2, "weight_decay": 0.1}),
]
DTYPES = [np.float16, np.float32, np.float64, np.complex64]
LAYOUTS = {
    "rows": np.ascontiguousarray,
    "columns": np.asfortranarray,
    "gaps": lambda array: np.repeat(array, 2, axis=-1)[..., ::2],
}


def after_steps(kind, options, start, gradients):
    """Return the parameter and the state after some steps."""
    parameter = tg.Tensor(start)
    optimizer = kind([parameter], **options)
    for gradient in gradients:
        optimizer.apply([gradient])
    return [parameter.data, *optimizer.state_dict().values()]


@pytest.mark.parametrize(("kind", "options"), KINDS)
@pytest.mark.parametrize("layout", LAYOUTS)
@given(
    dtype=st.sampled_from(DTYPES), shape=st.sampled_from([(5,), (3, 7), (7, 3), (2, 3, 4)]), seed=st.integers(0, 1000)
)
def test_blocks_hold_the_numbers_of_the_whole(kind, options, layout, dtype, shape, seed):
    if np.dtype(dtype).kind == "c" and kind is not tg.optim.SGD:
        return  # the others compare numbers
    rng = np.random.default_rng(seed)
    start, *gradients = (rng.normal(size=shape).astype(dtype) for _ in range(4))
    start, gradients = LAYOUTS[layout](start), [gradients[0], *map(LAYOUTS[layout], gradients[1:])]
    at_once = after_steps(kind, options, start, gradients)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(moving, "LARGE", 0)
        patch.setattr(blocks, "BLOCK", 4)
        by_block = after_steps(kind, options, start, gradients)
    for found, expected in zip(by_block, at_once, strict=True):
        assert found.dtype == expected.dtype
        assert found.shape == expected.shape
        assert found.tobytes() == expected.tobytes()


@pytest.mark.parametrize("wrap", [lambda move: move, functools.wraps(tg.optim.Adam.move)])
def test_a_move_of_ones_own_is_not_cut(wrap, monkeypatch):
    class Centred(tg.optim.Adam):
        """Every number moves with the mean of the gradient."""

        @wrap
        def move(self, value, gradient, *rest):
            return super().move(value, gradient - np.mean(gradient), *rest)

    start, gradient = np.arange(6.0), np.arange(6.0) ** 2
    whole = after_steps(Centred, {}, start, [gradient])
    monkeypatch.setattr(moving, "LARGE", 0)
    monkeypatch.setattr(blocks, "BLOCK", 2)
    for found, expected in zip(after_steps(Centred, {}, start, [gradient]), whole, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_a_step_that_fails_in_a_later_block_changes_nothing(monkeypatch):
    monkeypatch.setattr(moving, "LARGE", 0)
    monkeypatch.setattr(blocks, "BLOCK", 2)
    parameters = [tg.Tensor([1.0, 2.0, 3.0]), tg.Tensor([1.0, 2.0, 3.0])]
    optimizer = tg.optim.Adam(parameters)
    before = optimizer.state_dict()
    with np.errstate(over="raise"), pytest.raises(FloatingPointError):
        optimizer.apply([np.ones(3), np.array([1.0, 1.0, 1e200])])
    assert all((before[name] == value).all() for name, value in optimizer.state_dict().items())
    assert all((parameter.data == [1.0, 2.0, 3.0]).all() for parameter in parameters)


def test_a_large_parameter_is_cut():
    rng = np.random.default_rng(0)
    start, gradient = rng.normal(size=(2, moving.LARGE // 2 + 1)).astype(np.float32)
    seen = []

    class Seen(tg.optim.SGD):
        @blocks.elementwise
        def move(self, value, gradient, *rest):
            seen.append(value.size)
            return super().move(value, gradient, *rest)

    parameter = tg.Tensor(np.concatenate([start, start]))
    Seen([parameter], 0.5).apply([np.concatenate([gradient, gradient])])
    assert max(seen) == blocks.BLOCK
    assert sum(seen) == parameter.size
    np.testing.assert_array_equal(parameter.data[: start.size], start - np.float32(0.5) * gradient)
