"""`scipy.signal` on Tensors: convolution, correlation, and filters that are linear in the signal."""

from tinygraph.scipy.signal.convolving import convolve, correlate, fftconvolve, oaconvolve
from tinygraph.scipy.signal.filtering import detrend, hilbert, lfilter, savgol_filter, sosfilt

__all__ = [
    "convolve", "correlate", "detrend", "fftconvolve", "hilbert", "lfilter", "oaconvolve", "savgol_filter", "sosfilt",
]  # fmt: skip
