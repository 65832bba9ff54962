"""What callers see. Each dialect projects the same services; no rule lives here."""
