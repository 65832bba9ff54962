"""Calls to addresses that strangers named: checked, pinned, bounded."""
