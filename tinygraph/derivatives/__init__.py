"""The derivative table, one file a family of NumPy functions. `table` says how an entry is read."""
