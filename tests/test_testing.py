"""check_grads finds what is wrong and says where; the strategies draw what they promise."""

import subprocess
import sys
import textwrap
from collections import namedtuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygraph as tg
from tinygraph import testing
from tinygraph.engine.operands import plain
from tinygraph.engine.table import _TABLE
from tinygraph.testing import GradientError, check_grads
from tinygraph.testing import strategies as arrays_of
from tinygraph.testing.domains import SPECIAL
from tinygraph.testing.strategies.guises import LAYOUTS


def cube_with(rule):
    @tg.primitive
    def cube(x):
        return x * x * x

    return cube.derivative(rule)


X = np.array([[0.5, -1.0, 2.0], [1.5, 0.25, -0.75]])


# --- check_grads ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
@pytest.mark.parametrize("order", [0, 1, 2, 3, 4])
def test_right_derivatives_pass(dtype, order):
    check_grads(lambda x: np.sum(np.sin(x) * x), X.astype(dtype), order=order if dtype == np.float64 else min(order, 2))


@pytest.mark.parametrize("shape", [(), (0,), (2, 0, 3), (1, 1)])
def test_any_shape(shape):
    check_grads(lambda x: np.exp(x) * 2, np.full(shape, 0.5))
    check_grads(lambda x: np.sum(np.exp(x)), np.full(shape, 0.5))


def test_structures_in_and_out():
    Pair = namedtuple("Pair", "left right")
    check_grads(
        lambda params, scale, mask: {"y": [params["w"] @ params["b"] * scale, (params["b"],)], "none": None, "n": mask},
        {"w": X, "b": np.arange(3.0)},
        2.0,
        np.array([True, False]),
    )
    check_grads(lambda pair, n: Pair(pair.right * n, pair.left), Pair(X, X + 1), 3)


def test_functions_that_return_constants_or_know_tensors_of_their_own():
    check_grads(lambda x: (x * 2, np.ones(3), np.argmax(x)), X)
    inside = tg.Tensor(np.ones(3))
    check_grads(lambda x: x @ inside, X)
    assert inside.grad is None


def test_values_near_the_edge_of_a_domain():
    check_grads(np.log, np.array([1e-2, 1.0, 1e5]))
    check_grads(np.sqrt, np.array([1e-3, 1e-4]))


def test_infinities_that_do_not_change():
    check_grads(lambda x: np.where(np.array([True, False, False]), x, -np.inf), X)


@pytest.mark.parametrize("error", [1e-4, -1e-4, 1e-3, 1.0])
def test_a_relative_error_of_a_ten_thousandth_is_found(error):
    with pytest.raises(GradientError, match="finite differences") as caught:
        check_grads(cube_with(lambda g, z, x: g * (3 * x * x) * (1 + error)), X)
    assert caught.value.order == 1
    assert caught.value.got == pytest.approx(caught.value.expected * (1 + error), rel=1e-8)


def test_an_error_in_one_element_is_found_there():
    wrong = np.zeros_like(X)
    wrong[1, 2] = 1e-4
    with pytest.raises(GradientError, match="1 of 6 elements") as caught:
        check_grads(cube_with(lambda g, z, x: g * (3 * x * x) * (1 + wrong)), X)
    assert caught.value.index == (1, 2)


def test_the_report_names_the_argument():
    wrong = cube_with(lambda g, z, x: g * (3.1 * x * x))
    with pytest.raises(GradientError, match=r"argument 1 \(weights\)\['layers'\]\[1\]"):
        check_grads(
            lambda x, weights: np.sum(x * weights["layers"][0]) + wrong(weights["layers"][1]), X, {"layers": [X, X]}
        )
    with pytest.raises(GradientError, match=r"argument 0\n"):
        check_grads(lambda *xs: wrong(xs[0]) + xs[1], 2.0, 3.0)
    with pytest.raises(GradientError, match=r"output\['b'\] along a direction"):
        check_grads(lambda x: {"a": x * x, "b": wrong(x)}, X, modes=("jvp",))


def test_a_rule_that_is_right_but_cannot_be_differentiated_fails_at_order_two():
    frozen = cube_with(lambda g, z, x: g * (3 * plain(x) * plain(x)))
    check_grads(frozen, X, order=1)
    with pytest.raises(GradientError, match="derivative of the gradient") as caught:
        check_grads(frozen, X, order=2)
    assert caught.value.order == 2


def test_a_rule_that_is_not_linear_in_the_cotangent_fails():
    # Right for a cotangent of 1 or -1, and for no other.
    with pytest.raises(GradientError):
        check_grads(cube_with(lambda g, z, x: g * g * g * (3 * x * x)), X, order=1)


@pytest.mark.parametrize(
    ("function", "words"),
    [(tg.relu, "0 from the left and 1 from the right"), (lambda x: x * np.floor(x), "kink or a jump")],
)
def test_a_kink_is_called_one(function, words):
    with pytest.raises(GradientError, match=words):
        check_grads(function, np.array([0.0, 1.0]))


def test_a_wrong_gradient_is_not_excused_as_a_kink():
    with pytest.raises(GradientError) as caught:
        check_grads(cube_with(lambda g, z, x: g * 5), X)
    assert "kink" not in str(caught.value)


def test_a_gradient_of_the_wrong_value_on_tensors():
    def f(x):
        return x * 3 if isinstance(x, tg.Tensor) else x * 2

    with pytest.raises(GradientError, match="another value on Tensors") as caught:
        check_grads(f, X)
    assert caught.value.order == 0
    with pytest.raises(GradientError, match="dtype float32 on Tensors"):
        check_grads(lambda x: x.astype(np.float32 if isinstance(x, tg.Tensor) else np.float64), X)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_the_edge_of_a_domain_is_called_so():
    with pytest.raises(GradientError, match="not finite on both sides"):
        check_grads(np.sqrt, np.array([1.0, 0.0]))


def test_tolerances_and_steps_can_be_chosen():
    rough = cube_with(lambda g, z, x: g * (3 * x * x) * 1.001)
    check_grads(rough, X, rtol=1e-2, order=1)
    check_grads(rough, X, atol=1.0, order=1)
    check_grads(np.sin, X * 1e-6, step=1e-7, order=1)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: check_grads(np.sum, np.arange(3)), "no argument is a floating array"),
        (lambda: check_grads(np.sum, X, modes=("forward",)), "forward"),
    ],
)
def test_what_cannot_be_checked_is_refused(call, words):
    with pytest.raises((TypeError, ValueError), match=words):
        call()


# --- complex numbers --------------------------------------------------------------------------------------------------

Z = np.array([0.7 + 0.4j, 1.1 - 0.3j, -0.6 + 0.9j])


@pytest.mark.parametrize("dtype", [np.complex128, np.complex64])
@pytest.mark.parametrize("f", [np.exp, np.abs, np.conj, np.prod, np.fft.fft, lambda z: z * np.conj(z), np.sqrt])
def test_right_derivatives_of_complex_functions_pass(f, dtype):
    check_grads(f, Z.astype(dtype), order=2 if dtype == np.complex128 else 1)


def test_complex_and_real_arguments_and_results_together():
    check_grads(lambda z, x: {"product": z * x, "length": np.abs(z) * x}, Z, np.array([1.0, -0.5, 2.0]))
    check_grads(np.fft.rfft, np.array([1.0, -0.5, 2.0]))


def doubled_with(rule):
    @tg.primitive
    def twice(z):
        return 2j * z

    return twice.derivative(rule)


@pytest.mark.parametrize("modes", [("vjp",), ("jvp",)])
@pytest.mark.parametrize(
    "rule",
    [lambda g, z, x: g * -2j, lambda g, z, x: g * 2j * (1 + 1e-4), lambda g, z, x: np.conjugate(g) * 2j],
    ids=["conjugated", "inexact", "conjugating"],
)
def test_a_wrong_derivative_of_a_complex_function_is_found(rule, modes):
    check_grads(doubled_with(lambda g, z, x: g * 2j), Z, modes=modes)
    with pytest.raises(GradientError, match="finite differences"):
        check_grads(doubled_with(rule), Z, modes=modes)


def test_a_wrong_imaginary_part_of_a_result_is_found():
    wrong = cube_with(lambda g, z, x: g * 3.1 * x * x)
    with pytest.raises(GradientError):
        check_grads(lambda x: x + 1j * wrong(x), X)


def test_the_gradient_points_uphill():
    with pytest.raises(GradientError) as caught:
        check_grads(doubled_with(lambda g, z, x: g * 4j), np.array([1.0 + 2.0j]), order=1)
    assert caught.value.got == pytest.approx(2 * caught.value.expected)


def test_a_gradient_error_is_an_assertion_error():
    assert issubclass(GradientError, AssertionError)


# --- the strategies ---------------------------------------------------------------------------------------------------


@given(arrays_of.arrays(low=-1, high=1, away_from=[0.0, 0.5], margin=0.25, dtype=np.float32))
def test_arrays_keep_to_their_domain(x):
    assert x.dtype == np.float32
    assert np.all((np.abs(x) <= 1) & (np.abs(x) >= 0.25) & (np.abs(x - 0.5) >= 0.25))


@given(arrays_of.arrays(distinct=True))
def test_distinct_means_distinct(x):
    assert len(np.unique(x)) == x.size


@given(arrays_of.arrays_that_broadcast(3))
def test_arrays_that_broadcast(xs):
    np.broadcast_shapes(*[x.shape for x in xs])


@given(arrays_of.matmul_pairs())
def test_matmul_pairs(pair):
    np.matmul(*pair)


@given(st.data())
def test_axes_and_indices_fit_their_shape(data):
    x = data.draw(arrays_of.arrays())
    np.sum(x, axis=data.draw(arrays_of.axes(x.shape)))
    np.sum(x, **data.draw(arrays_of.reductions(x.shape)))
    x[data.draw(arrays_of.indices(x.shape))]


@given(arrays_of.matrices(batch=arrays_of.shapes(max_dims=1)))
def test_matrices_are_well_conditioned(a):
    assert a.size == 0 or np.max(np.linalg.cond(a)) < 100


@given(arrays_of.positive_definite_matrices())
def test_positive_definite_matrices(a):
    np.linalg.cholesky(a)


@given(arrays_of.orthogonal_matrices())
def test_orthogonal_matrices(a):
    np.testing.assert_allclose(a @ a.T, np.eye(len(a)), atol=1e-12)


@given(st.data())
def test_layouts_change_the_memory_alone(data):
    x = data.draw(arrays_of.arrays() | arrays_of.shapes().map(np.ones))
    y = data.draw(arrays_of.layouts(x))
    assert y.dtype == x.dtype
    assert y.shape == x.shape
    np.testing.assert_array_equal(x, y)


def test_every_layout_is_drawn_as_it_is_called():
    x = np.ones((2, 3))
    drawn = {lay.__name__: lay(x) for lay in LAYOUTS}
    assert drawn["_fortran_order"].flags.f_contiguous
    assert all(stride < 0 for stride in drawn["_reversed"].strides)
    assert not drawn["_every_other"].flags.contiguous
    assert not drawn["_read_only"].flags.writeable
    assert not drawn["_unaligned"].flags.aligned
    assert drawn["_repeated"].strides == (0, 0)


@given(arrays_of.dtypes(half=False))
def test_dtypes(dtype):
    assert dtype in (np.float64, np.float32)


@given(arrays_of.complex_arrays(low=-1, high=1))
def test_complex_arrays_stay_off_the_real_line(z):
    assert z.dtype == np.complex128
    assert np.all((np.abs(z.real) <= 1) & (z.imag >= 0.25))


@given(st.data())
def test_kinds_are_what_numpy_takes(data):
    x = data.draw(arrays_of.arrays())
    np.add(x, np.ones(x.shape) * (data.draw(arrays_of.kinds(x)) if x.size else 1))


# --- domains ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("function", testing.DOMAINS, ids=lambda function: function.__name__)
@settings(max_examples=8)
@given(data=st.data())
def test_functions_are_smooth_where_the_table_says(function, data):
    check_grads(function, *data.draw(arrays_of.arguments_of(function)), order=2)


def test_every_elementwise_function_of_numpy_has_a_domain():
    ufuncs = [f for f in _TABLE if isinstance(f, np.ufunc) and f.signature is None]
    of_numpy = {f for f in ufuncs if getattr(np, f.__name__, None) is f}
    assert of_numpy - {*testing.DOMAINS, np.ldexp} == set()


@pytest.mark.parametrize("name", SPECIAL)
@settings(max_examples=5)
@given(data=st.data())
def test_special_functions_are_smooth_there_too(name, data):
    special = pytest.importorskip("scipy.special")
    function = getattr(special, name)
    check_grads(function, *data.draw(arrays_of.arguments_of(function)), order=1)


def test_domains_can_be_asked_and_say_what_they_do_not_know():
    (domain,) = testing.domain_of(np.log)
    assert 1.0 in domain and 0.0 not in domain
    with pytest.raises(KeyError, match="matmul"):
        testing.domain_of(np.matmul)


# --- check_adjoint ----------------------------------------------------------------------------------------------------


def test_both_modes_have_one_jacobian():
    testing.check_adjoint(lambda p, n: {"y": np.tanh(p["x"]) * n, "m": np.max(p["x"])}, {"x": X}, 3)
    testing.check_adjoint(np.fft.rfft, X.astype(np.float32))
    testing.check_adjoint(lambda z: z * np.conj(z), Z)
    testing.check_adjoint(tg.relu, np.array([0.0, 1.0]))
    with pytest.raises(TypeError, match="nothing to differentiate"):
        testing.check_adjoint(np.sum, np.arange(3))


def test_a_rule_that_is_not_linear_has_none():
    wrong = cube_with(lambda g, z, x: g * np.abs(g))
    with pytest.raises(GradientError, match="two modes differ"):
        testing.check_adjoint(wrong, X)


def test_an_impossible_domain_is_refused():
    with pytest.raises(ValueError, match="no multiple"):
        arrays_of.grid(0.0, 0.01, (0.0,))


def test_without_hypothesis_check_grads_works_and_the_strategies_say_what_is_missing():
    program = textwrap.dedent(
        """
        import sys
        sys.modules["hypothesis"] = None
        import numpy as np, tinygraph as tg
        tg.testing.check_grads(np.sin, 1.0)
        try:
            tg.testing.strategies
        except ModuleNotFoundError as error:
            assert "pip install hypothesis" in str(error), error
        else:
            raise SystemExit("no error")
        """
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_a_function_without_a_result_or_arguments_is_refused():
    with pytest.raises(TypeError, match=r"the function returns None, .* Does it end without a return"):
        check_grads(lambda x: None, 1.0)
    with pytest.raises(
        TypeError, match=r"no argument is a floating array, .* Write 1\.0 for 1, and x\.astype\(float\)"
    ):
        check_grads(np.sin, 1)
    with pytest.raises(ValueError, match=r'modes are "vjp", "jvp" or both, got .rev.'):
        check_grads(np.sin, 1.0, modes="rev")


def test_a_kink_between_equal_slopes_is_told_in_the_second_order():
    for modes in (("vjp",), ("jvp",)):
        with pytest.raises(GradientError, match="There may be a kink or a jump here"):
            check_grads(np.abs, np.array([1.0, 0.0]), modes=modes)


def test_the_message_has_the_argument_at_the_wrong_element():
    wrong = tg.primitive(lambda x: x * x)
    wrong.derivative(lambda g, z, x: g * np.where(x > 4, 3 * x, 2 * x))
    with pytest.raises(GradientError, match=r"element \(1,\), at 5: expected") as found:
        check_grads(wrong, np.array([1.0, 5.0, 2.0]))
    assert found.value.index == (1,)


def test_pytest_ends_the_report_at_the_line_of_the_test(tmp_path):
    text = """
        import numpy as np
        from tinygraph.testing import check_grads

        def test_kink():
            check_grads(np.abs, np.array([1.0, 0.0]))

        def test_fault_in_a_function():
            check_grads(lambda x: x[5], np.ones(2))
        """
    file = tmp_path / "test_own.py"
    file.write_text(textwrap.dedent(text))
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", f"--rootdir={tmp_path}", str(file)]
    told = subprocess.run(command, capture_output=True, text=True).stdout
    ended, whole = told.split("_ test_fault_in_a_function _", 1)
    assert "element (1,), at 0" in ended and "testing/check.py" not in ended
    assert "testing/check.py" in whole


@pytest.mark.parametrize("check", [check_grads, testing.check_adjoint])
def test_what_is_no_function_is_told(check):
    with pytest.raises(TypeError, match=f"{check.__name__}: expected a function, got float"):
        check(3.0, 1.0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"order": -1}, "order must be at least 0"),
        ({"order": 1.5}, "order must be a whole number"),
        ({"modes": "vjp"}, r'Write modes=\("vjp",\)'),
        ({"modes": ()}, r'Write modes=\("vjp",\)'),
        ({"modes": ("vjp", "reverse")}, r'modes are "vjp", "jvp" or both'),
        ({"rtol": -1.0}, "rtol must be at least 0"),
        ({"atol": np.nan}, "atol must be at least 0"),
        ({"step": 0.0}, "step must be positive"),
    ],
)
def test_settings_that_check_nothing_are_refused(settings, message):
    with pytest.raises((TypeError, ValueError), match=message):
        check_grads(np.sin, 1.0, **settings)


@pytest.mark.parametrize("ends", [{"low": 3, "high": 1}, {"high": np.inf}, {"low": np.nan}])
def test_ends_between_which_there_is_nothing_are_refused(ends):
    with pytest.raises(ValueError, match="the values cannot go from low="):
        arrays_of.grid(**ends)


def test_arguments_in_a_tuple_are_told_to_be_given_one_by_one():
    with pytest.raises(TypeError) as found:
        check_grads(lambda x, y: x * y, (1.0, 2.0))
    assert "check_grads(f, *xs)" in found.value.__notes__[0]
