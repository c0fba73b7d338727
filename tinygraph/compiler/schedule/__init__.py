"""The schedule: which calls are computed together, block by block or a few images at a time, and in which order."""
