"""Chromium, driven over a pipe without any driver process, and the probe that tapes what its pages receive."""
