"""Benchmarks: what a bot costs, beside a baseline measured in the same run. Run by `script/bench`."""
