"""Kernels: functions of tinygraph's own that a program calls, and that a saved file has in it."""
