"""Cuts a long text into chat messages."""


def chat_pieces(text: str, limit: int) -> list[str]:
    """Messages of at most `limit` characters, cut at blanks where there are any; none for an empty text."""
    rest, cut = text.strip(), list[str]()
    while len(rest) > limit:
        at = max(rest.rfind(" ", 0, limit + 1), rest.rfind("\n", 0, limit + 1))
        at = at if at > 0 else limit
        cut.append(rest[:at].rstrip())
        rest = rest[at:].lstrip()
    return [*cut, rest] if rest else cut
