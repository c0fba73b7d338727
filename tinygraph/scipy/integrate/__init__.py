"""`scipy.integrate` on Tensors: integrals of functions, of samples, and of differential equations."""

from tinygraph.scipy.integrate.equations import odeint, solve_ivp
from tinygraph.scipy.integrate.integrals import fixed_quad, quad, quad_vec
from tinygraph.scipy.integrate.samples import cumulative_trapezoid, romb, simpson, trapezoid

__all__ = [
    "cumulative_trapezoid", "fixed_quad", "odeint", "quad", "quad_vec", "romb", "simpson", "solve_ivp", "trapezoid",
]  # fmt: skip
