"""What is decided: the rules of bots, keys and teams. No HTTP, no SQL, no process handling of its own."""
