"""From a stored run to the provider that does its work, with the right key."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from meetfleet.store.secret_box import SecretBox
from meetfleet.store.tables import BotRow, TranscriptionRow
from meetfleet.transcription.choice import Choice, Wanted, choose
from meetfleet.transcription.provider import Access, SpeechToText
from meetfleet.transcription.registry import Providers


@dataclass(frozen=True, slots=True)
class ServerTranscription:
    """What the operator set.

    Attributes:
        default: The provider for those who name none.
        keys, urls: By provider; an address other than the provider's usual one.
    """

    default: str = "captions"
    keys: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    urls: Mapping[str, str] = field(default_factory=dict[str, str])


class TranscriptionProviders:
    def __init__(self, providers: Providers, server: ServerTranscription, box: SecretBox) -> None:
        self._providers = providers
        self._server = server
        self._box = box

    def choose(self, bot: BotRow, run: TranscriptionRow) -> Choice:
        sandbox = cast("Mapping[str, Any]", bot.options.get("sandbox") or {})
        wanted = Wanted(
            run.config.get("provider"),
            self._own_key(run),
            is_trial=bot.is_sandbox,
            must_fail=sandbox.get("transcription") == "fail",
        )
        return choose(wanted, self._providers, self._server.default, self._server.keys)

    def open(self, run: TranscriptionRow) -> SpeechToText:
        """The engine that was chosen for the run. The caller closes it.

        Raises:
            ProviderError: it is not installed any more, or there is no key.
        """
        engine = run.engine or self._server.default
        key = self._own_key(run) if run.is_byok else self._server.keys.get(engine)
        asked = run.config.get("provider") in (None, engine)
        access = Access(
            api_key=key,
            region=run.config.get("region") if asked else None,
            # Parameters are in the language of the provider that was asked for.
            params=(run.config.get("custom_params") or {}) if asked else {},
            base_url=self._server.urls.get(engine),
        )
        return self._providers.get(engine)(access)

    def names_speakers(self, run: TranscriptionRow) -> bool:
        return self._providers.get(run.engine or self._server.default).capabilities.names_speakers

    def _own_key(self, run: TranscriptionRow) -> str | None:
        sealed = run.config.get("api_key")
        return None if sealed is None else self._box.open(sealed)


def unknown_names(providers: Providers, server: ServerTranscription) -> list[str]:
    """Providers that the operator's settings name and that are not installed."""
    return sorted({name for name in (server.default, *server.keys, *server.urls) if name not in providers})
