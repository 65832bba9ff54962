"""Where recordings lie: object storage and signed links to what is in it."""
