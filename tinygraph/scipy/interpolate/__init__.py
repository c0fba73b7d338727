"""`scipy.interpolate` on Tensors: curves through points, which are linear in the values at the points."""

from tinygraph.scipy.interpolate.lines import interp1d
from tinygraph.scipy.interpolate.splines import CubicSpline, Spline, make_interp_spline

__all__ = ["CubicSpline", "Spline", "interp1d", "make_interp_spline"]
