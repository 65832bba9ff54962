"""What is true: lifecycle, end reasons, meeting URLs. Plain Python, no I/O, no framework."""
