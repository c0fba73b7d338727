"""The words of a picture: numbers, facts of arrays, signs of operations, formulas, and the factors of gradients."""
