"""Programs: one run of a function as a graph of steps, and what can be told of it without running it."""
