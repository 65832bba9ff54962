"""Where bots run: what starts them, what they cost, how their end is noticed."""
