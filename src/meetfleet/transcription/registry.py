"""Which providers are installed: all that are registered in one entry-point group, ours through the same door."""

from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import cast

from meetfleet.domain.errors import ProviderError
from meetfleet.transcription.provider import SpeechToText

ENTRY_POINTS = "meetfleet.transcription"


class Providers:
    """Provider classes by name; their modules are imported at first use.

    Args:
        given: Instead of those that are installed.
    """

    def __init__(self, given: Mapping[str, type[SpeechToText]] | None = None) -> None:
        self._classes: dict[str, type[SpeechToText]] = dict(given or {})
        self._entries: dict[str, EntryPoint] = {}
        if given is None:
            self._entries = {entry.name: entry for entry in entry_points(group=ENTRY_POINTS)}

    def __contains__(self, name: str) -> bool:
        return name in self._classes or name in self._entries

    def get(self, name: str) -> type[SpeechToText]:
        """Raises ProviderError (`no_such_provider`) if none of this name is installed."""
        if name not in self._classes:
            if name not in self._entries:
                raise ProviderError(f"No transcription provider '{name}' is installed.", code="no_such_provider")
            self._classes[name] = cast("type[SpeechToText]", self._entries[name].load())
        return self._classes[name]
