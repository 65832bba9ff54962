"""Where bots report: the server's side of `domain/link.py` on the wire."""
