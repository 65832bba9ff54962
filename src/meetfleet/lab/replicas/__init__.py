"""Replicas of meeting platforms: screens, texts, attributes and wire messages, written by us from observed facts."""
