"""A function as an ONNX file.

file           `tg.export.onnx`
writer         a recorded program as the nodes of an ONNX graph, call by call
table          a table from functions to what writes a call of them
operators      the table of all functions, of the five parts below and of indices

elementwise    functions that are computed element by element
products       products of matrices, and einsum
shapes         axes that are moved; arrays that are joined, split, repeated and filled
reductions     sums, means, extremes and their like over axes
images         convolution and pooling
indexing       indices: slices and gathered elements
"""
