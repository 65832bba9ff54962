"""One folder per meeting platform: how its screens are recognised, and what to do on them."""
