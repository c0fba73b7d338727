"""Running: a compiled program called with arguments, on how many threads, and how long each call takes."""
