import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygraph as tg
from tinygraph.testing import check_grads
from tinygraph.testing.strategies import arrays, axes, shapes

from .laws import LAPACK, Call, enter, obey

SIGNALS = shapes(min_dims=1, min_side=1, max_side=4)
NORMS = st.sampled_from([None, "backward", "ortho", "forward"])


@st.composite
def along_one_axis(draw, shortest=1):
    x = draw(arrays(SIGNALS.filter(lambda shape: min(shape) >= shortest)))
    keywords = {"n": draw(st.integers(1, 6))} if draw(st.booleans()) else {}
    return Call((x,), keywords | {"axis": draw(axes(x.shape, none=False, several=False)), "norm": draw(NORMS)})


@st.composite
def along_several_axes(draw, two=False, shortest=1):
    x = draw(arrays(shapes(min_dims=2, min_side=shortest, max_side=3)))
    keywords = {"norm": draw(NORMS)}
    if draw(st.booleans()):
        keywords["axes"] = draw(st.permutations(range(x.ndim)))[: 2 if two else draw(st.integers(1, x.ndim))]
        if draw(st.booleans()):
            keywords["s"] = [draw(st.integers(1, 4) | st.just(-1)) for _ in keywords["axes"]]
    return Call((x,), keywords)


shifts = arrays(shapes(min_dims=1)).flatmap(lambda x: axes(x.shape).map(lambda axis: Call((x,), {"axes": axis})))

# A spectrum of one element is that of a signal of none.
LAWS = enter(
    {
        np.fft.fft: along_one_axis(),
        np.fft.ifft: along_one_axis(),
        np.fft.rfft: along_one_axis(),
        np.fft.irfft: along_one_axis(shortest=2),
        np.fft.hfft: along_one_axis(shortest=2),
        np.fft.ihfft: along_one_axis(),
        np.fft.fftn: along_several_axes(),
        np.fft.ifftn: along_several_axes(),
        np.fft.rfftn: along_several_axes(),
        np.fft.irfftn: along_several_axes(shortest=2),
        np.fft.fft2: along_several_axes(two=True),
        np.fft.ifft2: along_several_axes(two=True),
        np.fft.rfft2: along_several_axes(two=True),
        np.fft.irfft2: along_several_axes(two=True, shortest=2),
    },
    LAPACK,
)
LAWS += enter({np.fft.fftshift: shifts, np.fft.ifftshift: shifts})


@pytest.mark.parametrize("entry", LAWS, ids=str)
@given(data=st.data())
def test_laws(entry, data):
    obey(entry, data)


OF_COMPLEX = [np.fft.fft, np.fft.ifft, np.fft.irfft, np.fft.hfft]
OF_COMPLEX_PLANES = [np.fft.fft2, np.fft.ifftn, np.fft.irfftn, np.fft.fftshift, np.fft.ifftshift]


@pytest.mark.parametrize("function", OF_COMPLEX, ids=lambda f: f.__name__)
@given(data=st.data())
def test_of_complex_signals(function, data):
    call = data.draw(along_one_axis(shortest=2))
    (real,) = call.args
    imaginary = data.draw(arrays(real.shape))
    check_grads(lambda a: function(a, **call.keywords), real + 1j * imaginary, order=2)


@pytest.mark.parametrize("function", OF_COMPLEX_PLANES, ids=lambda f: f.__name__)
@given(shape=shapes(2, 3, 2, 3), data=st.data())
def test_of_complex_planes(function, shape, data):
    check_grads(function, data.draw(arrays(shape)) + 1j * data.draw(arrays(shape)), order=2)


def parts(z):
    return [np.real(z), np.imag(z)]


@pytest.mark.parametrize("n", [5, 8])
def test_inverse_transforms_hand_a_cotangent_back_as_it_was(n):
    for there, back in ((np.fft.fft, np.fft.ifft), (np.fft.rfft, np.fft.irfft), (np.fft.ihfft, np.fft.hfft)):
        x = tg.Tensor(np.arange(n, dtype=np.float64))
        y = np.real(back(there(x), n))
        g = np.linspace(-1, 1, n) ** 3
        y.backward(g)
        np.testing.assert_allclose(x.grad, g, atol=1e-15)


def test_the_gradient_of_a_complex_signal_is_the_direction_of_steepest_ascent():
    x = tg.Tensor(np.array([1 + 2j, -1j, 0.5, 3 - 1j]))
    np.sum(np.abs(np.fft.fft(x)) ** 2).backward()
    np.testing.assert_allclose(x.grad, 2 * 4 * x.data)  # Parseval


@pytest.mark.parametrize("function", [*OF_COMPLEX, np.fft.rfft, np.fft.ihfft], ids=lambda f: f.__name__)
def test_single_precision_stays(function):
    x = tg.Tensor(np.ones(4, np.float32))
    y = function(x)
    assert y.dtype == function(x.data).dtype
    y.backward(np.ones(y.shape, y.dtype))
    assert x.grad.dtype == np.float32


def test_an_axis_of_no_signals():
    x = tg.Tensor(np.zeros((0, 4)))
    np.sum(np.abs(np.fft.rfft(x))).backward()
    assert x.grad.shape == (0, 4)


def test_sizes_and_axes_must_be_as_many():
    with pytest.raises(ValueError, match="s has 1 sizes, axes 2"):
        np.fft.fft2(tg.Tensor(np.ones((2, 2))), s=(2,))


def test_frequencies_are_plain():
    assert type(np.fft.fftfreq(4, 0.5)) is type(np.fft.rfftfreq(4)) is np.ndarray


def test_an_axis_that_is_named_twice_is_transformed_twice():
    x = np.linspace(-1, 2, 12).reshape(4, 3)
    for function in (np.fft.fftn, np.fft.rfftn, np.fft.ifftn):
        np.testing.assert_allclose(function(tg.Tensor(x), axes=(0, 0)).data, function(x, axes=(0, 0)), atol=1e-14)
        check_grads(lambda x, function=function: np.abs(function(x, axes=(0, 0))) ** 2, x)
