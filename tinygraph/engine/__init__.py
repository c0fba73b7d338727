"""The engine: values, the record of calls on them, the table of derivatives, and the reverse pass."""
