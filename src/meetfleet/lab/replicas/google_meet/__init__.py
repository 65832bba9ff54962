"""The Google Meet replica."""
