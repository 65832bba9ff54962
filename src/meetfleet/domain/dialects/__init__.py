"""The words of each API for what the domain knows. Nothing else in the code base spells a wire word."""
