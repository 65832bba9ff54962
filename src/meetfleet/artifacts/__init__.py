"""Tape in, files out: sound, speakers, captions, chat, pictures, and a manifest of them. See docs/artifacts.md."""
