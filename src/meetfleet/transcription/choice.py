"""Which engine does the work that was asked for. Source: contract.md 2.1.4, C14."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from meetfleet.transcription.registry import Providers

NAME_OF_UNNAMED = "gladia"
"""What callers are told who named no provider: the one word that every published schema takes."""
FREE_ENGINE = "captions"
SANDBOX_FAILURE = "sandbox-failure"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a caller asked for.

    Attributes:
        provider: None for the server's default.
        api_key: The caller's own.
        is_trial: Set for sandbox bots, on which the operator's accounts are not spent.
        must_fail: Set for sandbox bots whose transcription is to fail.
    """

    provider: str | None = None
    api_key: str | None = field(default=None, repr=False)
    is_trial: bool = False
    must_fail: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """Attributes:
    is_byok: Whether the work is done on the caller's own account.
    """

    engine: str
    api_key: str | None = field(repr=False)
    is_byok: bool


def choose(wanted: Wanted, providers: Providers, default: str, server_keys: Mapping[str, str]) -> Choice:
    """The engine for a request: the provider asked for if it can work, else the server's own, else captions.

    Args:
        default: The operator's choice.
        server_keys: The operator's keys by provider.
    """
    if wanted.must_fail:
        return Choice(SANDBOX_FAILURE, None, False)
    asked = wanted.provider or default
    if wanted.api_key is not None and asked in providers and providers.get(asked).capabilities.needs_key:
        return Choice(asked, wanted.api_key, True)
    if wanted.is_trial:
        return Choice(FREE_ENGINE, None, False)
    for engine in (asked, default):
        if _can_work(engine, providers, server_keys):
            return Choice(engine, server_keys.get(engine), False)
    return Choice(FREE_ENGINE, None, False)


def _can_work(engine: str, providers: Providers, server_keys: Mapping[str, str]) -> bool:
    if engine == SANDBOX_FAILURE:
        return False
    return engine in providers and (not providers.get(engine).capabilities.needs_key or engine in server_keys)
