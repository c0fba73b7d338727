"""Guards: what a program was made for, and whether a call and everything outside it are still the same."""
