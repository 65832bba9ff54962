"""One bot's life in one process: join, take part, tape, obey, leave. Imports nothing of the control plane."""
