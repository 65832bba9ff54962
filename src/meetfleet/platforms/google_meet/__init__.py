"""Google Meet. Observed facts behind every rule stand in screens.toml and in the decoders' docstrings."""
