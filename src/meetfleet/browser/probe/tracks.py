"""The tracks of a page as its scripts announce them: ids of one take, facts, counts, loudness."""

from dataclasses import dataclass, replace
from typing import Any

from meetfleet.browser.probe.script_link import ScriptLink
from meetfleet.tape.frame import LEVEL_UNKNOWN, EncodedFrame, FrameKind
from meetfleet.tape.records import Rung, TrackInfo, TrackKind

LOUD_LEVEL = 55  # -dBov; up to here a packet holds somebody's sound


@dataclass(slots=True)
class TrackState:
    """One track and what came of it.

    Attributes:
        key: Its receiver, by which encoded and raw tracks of the same receiver belong together.
        level: Of the latest frame, -dBov, or LEVEL_UNKNOWN.
        last_heard_ns: When it was last loud.
        is_proven: Some of its packets were decoded lately and held the sound that their levels promise.
    """

    info: TrackInfo
    key: str
    link: ScriptLink
    local_id: int
    ssrc: int = 0
    frames: int = 0
    size_bytes: int = 0
    level: int = LEVEL_UNKNOWN
    last_frame_ns: int | None = None
    last_heard_ns: int | None = None
    is_live: bool = True
    is_proven: bool = False

    @property
    def is_encoded_audio(self) -> bool:
        return self.info.kind == TrackKind.AUDIO and self.info.rung == Rung.ENCODED

    def count(self, frames: list[EncodedFrame]) -> int:
        """Takes note of frames; returns how many of them are loud."""
        loud = 0
        for frame in frames:
            self.size_bytes += len(frame.payload)
            if frame.kind is FrameKind.AUDIO and (
                frame.audio_level <= LOUD_LEVEL or (frame.audio_level == LEVEL_UNKNOWN and len(frame.payload) > 20)
            ):
                loud += 1
                self.last_heard_ns = frame.arrival_ns
        self.frames += len(frames)
        self.level = frames[-1].audio_level
        self.last_frame_ns = frames[-1].arrival_ns
        return loud


class TrackBook:
    """Gives every track of every script a number of its own within the take."""

    def __init__(self) -> None:
        self.states: dict[int, TrackState] = {}
        self._sources: dict[int, tuple[ScriptLink, dict[str, Any]]] = {}

    def announced(self, link: ScriptLink, note: dict[str, Any]) -> TrackState | None:
        """A script opens a track, or its codec, source or stream changed. Returns it if the tape must know."""
        local_id = int(note["id"])
        ssrc = int(note.get("ssrc") or 0)
        track_id = link.tracks.setdefault(local_id, len(self.states))
        owner, facts = self._facts(link, note, ssrc)
        receiver = facts.get("receiver")
        key = owner.key(receiver) if receiver is not None else f"{link.instance}/track-{local_id}"
        info = TrackInfo(
            track_id=track_id,
            kind=str(note["kind"]),
            codec=str(note["codec"]),
            clock_rate_hz=int(note["rate"]),
            rung=str(note["rung"]),
            stream_id=facts.get("stream"),
            mid=facts.get("mid"),
            is_mix=bool(note.get("mix", False)),
        )
        old = self.states.get(track_id)
        if old and old.info == info and old.ssrc == ssrc:
            return None
        if old:
            old.info, old.ssrc, old.key = info, ssrc, key
        else:
            self.states[track_id] = TrackState(info, key, link, local_id, ssrc)
        return self.states[track_id]

    def source_known(self, link: ScriptLink, note: dict[str, Any]) -> TrackState | None:
        """A window says which receiver an SSRC belongs to whose frames a worker tapes. Returns the track it changes."""
        ssrc = int(note["ssrc"])
        self._sources[ssrc] = (link, note)
        for state in self.states.values():
            if state.ssrc == ssrc and state.info.rung == Rung.ENCODED and state.link is not link:
                info = replace(state.info, stream_id=note.get("stream"), mid=note.get("mid"))
                state.key = link.key(note["receiver"])
                if info != state.info:
                    state.info = info
                    return state
        return None

    def of(self, link: ScriptLink, local_id: int) -> TrackState | None:
        """The track that a script calls `local_id`."""
        track_id = link.tracks.get(local_id)
        return None if track_id is None else self.states.get(track_id)

    def encoded_of(self, key: str) -> TrackState | None:
        """The track of a receiver's packets."""
        return next((s for s in reversed(self.states.values()) if s.key == key and s.is_encoded_audio), None)

    def _facts(self, link: ScriptLink, note: dict[str, Any], ssrc: int) -> tuple[ScriptLink, dict[str, Any]]:
        if note.get("receiver") is None and ssrc in self._sources:
            return self._sources[ssrc]
        return link, note
