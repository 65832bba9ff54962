"""What the recording's folder holds, read by its manifest."""

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Item:
    """One file as the manifest describes it."""

    name: str
    size_bytes: int
    sha256: str
    duration_s: float | None


@dataclass(frozen=True, slots=True)
class Turn:
    """Somebody's words, in seconds from the start of the recording."""

    start_s: float
    speaker: str
    text: str


_CUE = re.compile(r"^(?:(\d+):)?(\d+):(\d+\.\d+) --> ")
_VOICE = re.compile(r"<v(?:\.[^ ]*)? ([^>]+)>(.*)", re.DOTALL)


class Files:
    """The artifacts of one recording.

    Args:
        folder: Holds `manifest.json` and the files that it lists.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.listed = self._read_manifest()

    def _read_manifest(self) -> list[Item]:
        path = self.folder / "manifest.json"
        if not path.exists():
            return []
        files: list[dict[str, Any]] = json.loads(path.read_text())["files"]
        return [Item(f["name"], f["size_bytes"], f["sha256"], f.get("duration_s")) for f in files]

    def intact(self, item: Item) -> bool:
        """Whether the file is there with the size and digest that the manifest tells."""
        path = self.folder / item.name
        if not path.exists() or path.stat().st_size != item.size_bytes:
            return False
        return hashlib.sha256(path.read_bytes()).hexdigest() == item.sha256

    def speakers(self) -> set[str]:
        """Who speaks according to the diarization."""
        lines = (self.folder / "diarization.jsonl").read_text().splitlines()
        return {json.loads(line)["speaker"] for line in lines if line}

    def conversation(self) -> list[Turn]:
        """The captions, in order."""
        turns: list[Turn] = []
        for block in (self.folder / "captions.vtt").read_text().split("\n\n"):
            lines = block.strip().splitlines()
            for number, line in enumerate(lines):
                cue, voice = _CUE.match(line), _VOICE.match("\n".join(lines[number + 1 :]))
                if cue and voice:
                    start = int(cue[1] or 0) * 3600 + int(cue[2]) * 60 + float(cue[3])
                    turns.append(Turn(start, voice[1], voice[2].removesuffix("</v>").strip()))
        return turns
