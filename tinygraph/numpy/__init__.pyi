"""NumPy's names for type checkers. Code that fits NumPy's types fits here: a Tensor is written where an array is."""

from numpy import *  # noqa: F403 - all of them
from numpy import __array_api_version__ as __array_api_version__
from numpy import char as char
from numpy import dtypes as dtypes
from numpy import emath as emath
from numpy import exceptions as exceptions
from numpy import fft as fft
from numpy import lib as lib
from numpy import linalg as linalg
from numpy import ma as ma
from numpy import polynomial as polynomial
from numpy import random as random
from numpy import strings as strings
from numpy import testing as testing
from numpy import typing as typing
