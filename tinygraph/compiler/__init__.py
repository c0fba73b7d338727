"""The compiler: from a graph back to the NumPy program that a person would have written by hand."""
