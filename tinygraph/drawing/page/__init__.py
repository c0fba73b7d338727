"""The HTML page: its pictures, its panel, its steps, and its program."""
