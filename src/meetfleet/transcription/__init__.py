"""Speech to text: what providers promise, the built-in ones, the files that users get (docs/transcription.md)."""
