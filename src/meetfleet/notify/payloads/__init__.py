"""Bodies of notices, one module a dialect."""
