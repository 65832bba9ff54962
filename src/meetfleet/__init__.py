"""Meetfleet: a self-hosted meeting-bot server. See docs/architecture.md for the rooms of this package."""

__version__ = "0.1.0"
