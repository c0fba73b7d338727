"""Files for others.

tensor_files    arrays and a JSON header in one safetensors file
whole_files     a file is written as a whole or not at all
"""

from tinygraph.export.tensor_files import check_arrays, differences, load_arrays, save_arrays

__all__ = ["check_arrays", "differences", "load_arrays", "save_arrays"]
