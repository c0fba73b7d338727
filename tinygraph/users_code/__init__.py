"""The user's code: the line of a call, the reads of a rule, the names in a function. All reading of bytecode."""
