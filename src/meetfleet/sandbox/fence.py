"""Keeps a sandbox bot's browser in the lab: every name but the replica's leads nowhere."""

from collections.abc import Iterable, Sequence

RULES = "--host-resolver-rules="
LOOPBACK = "127.0.0.1"
"""Stays reachable: the probe reports to the bot there."""
_REPLACED = (RULES, "--host-rules=", "--ignore-certificate-errors", "--proxy-", "--no-proxy-server")


def fenced(operator_args: Iterable[str], lab_args: Sequence[str]) -> tuple[str, ...]:
    """Switches of a browser that sees the lab and nothing else.

    Args:
        operator_args: For every bot of this server; those that could lead out are left out.
        lab_args: The lab's own, its host resolver rules among them.
    """
    kept = [arg for arg in operator_args if not arg.startswith(_REPLACED)]
    rules = ",".join(arg.removeprefix(RULES) for arg in lab_args if arg.startswith(RULES))
    others = [arg for arg in lab_args if not arg.startswith(RULES)]
    # A proxy would look names up itself, past all rules.
    return (*kept, *others, f"{RULES}{rules},MAP * ~NOTFOUND,EXCLUDE {LOOPBACK}", "--no-proxy-server")
