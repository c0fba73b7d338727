"""Files of Keras 3: "model.keras" and "model.weights.h5", read and written.

groups        the groups of an HDF5 file in which Keras keeps the weights of each layer
hdf5          these groups in a file, by h5py
reading       Keras's description of a model, made a model
writing       a model as Keras's description
operations    the functions between layers that both know
compiling     the arguments of `compile` in that description
archive       "model.keras": a zip file of the description and the weights
"""
