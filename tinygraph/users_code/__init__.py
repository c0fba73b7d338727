"""The user's code: the line of a call, the reads of a rule, the names in a function. All reading of bytecode.

instructions     the bytecode of a function, and the instruction that a frame executes
source           the place of a call in the user's code
warning_lines    NumPy's warnings at that line
targets          the variable, attribute or item that a result is stored in
names_in_code    the globals, attributes and imports in a function
reach            the way from a variable to an object: `layers[0].w`
rules            the operands that a rule reads
branches         the parts around a line that may not be run
handlers         the `try` blocks that it is executing
loop_lines       the line that a loop begins with
while_loops      the state of Python around an instruction in a while loop
"""
