"""The user's code: where a call stands, what a rule reads, which names a function uses. All reading of bytecode."""
