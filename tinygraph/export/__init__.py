"""Files for others.

tensor_files    arrays and a JSON header in one safetensors file
whole_files     a file is written as a whole or not at all
module          a function as a Python file that needs NumPy alone
predicting      the functions that such a file has besides its programs
inference       a model that is recorded as it computes outside of training
"""

from tinygraph.export.module import save_module
from tinygraph.export.tensor_files import check_arrays, differences, load_arrays, save_arrays

__all__ = ["check_arrays", "differences", "load_arrays", "save_arrays", "save_module"]
