"""The derivative table, one file a family of NumPy functions. `engine.table` explains an entry."""
