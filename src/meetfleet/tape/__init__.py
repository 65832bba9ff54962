"""The tape: one append-only, time-ordered log of a meeting. docs/tape.md describes the format."""
