"""Commands that work on the database directly, whether a server runs or not."""
