"""What really happened, as JSON and as sound: from the stage's own records, never from what was received."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from meetfleet.lab.actor import Actor, Sharing
from meetfleet.lab.media.opus import PACKET_SAMPLES
from meetfleet.lab.stage import Said, Stage
from meetfleet.lab.timeline import TICKS_PER_S, Utterance

TICK_NS = 1_000_000_000 // TICKS_PER_S
Span = tuple[int, int]


class RoomTime:
    """Between ticks and the meeting clock. Before the room has begun there is no meeting time."""

    def __init__(self, zero_ns: int | None) -> None:
        self.zero_ns = zero_ns

    def ns(self, tick: int | None, offset_s: float = 0.0) -> int | None:
        if tick is None or self.zero_ns is None:
            return None
        return self.zero_ns + tick * TICK_NS + round(offset_s * 1e9)


def people(stage: Stage, time: RoomTime) -> list[dict[str, Any]]:
    """Everybody in the script, with when they were there and what was on."""
    return [
        {
            "number": actor.number,
            "name": actor.name,
            "script_name": actor.person.name,
            "device_id": actor.device_id,
            "csrc": actor.csrc,
            "video_stream_id": actor.video_stream_id,
            "host": actor.person.host,
            "present": _spans(actor.present.spans(stage.tick), time),
            "camera_on": _spans(actor.camera_on.spans(stage.tick), time),
            "unmuted": _spans(actor.unmuted.spans(stage.tick), time),
        }
        for actor in stage.actors.values()
    ]


def lines(stage: Stage, time: RoomTime) -> list[dict[str, Any]]:
    """What has been said so far, oldest first. `start_ns` and `end_ns` enclose the audible samples."""
    found = [
        line
        for actor in stage.actors.values()
        for u in actor.voice.utterances
        if (line := _line(actor, u, stage, time))
    ]
    return sorted(found, key=lambda line: line["start_tick"])


def _line(actor: Actor, said: Utterance, stage: Stage, time: RoomTime) -> dict[str, Any] | None:
    if said.start_tick > stage.tick:
        return None
    heard = heard_spans(actor, said, stage.tick)
    start_s, end_s = said.clip.audible_start_s, said.clip.audible_end_s
    if heard:
        start_s = max(start_s, (heard[0][0] - said.start_tick) / TICKS_PER_S)
        end_s = min(end_s, (heard[-1][1] - said.start_tick) / TICKS_PER_S)
    return {
        "speaker": actor.name,
        "device_id": actor.device_id,
        "text": said.text,
        "number": said.number,
        "heard": bool(heard),
        "complete": heard == [(said.start_tick, said.end_tick)],
        "start_tick": said.start_tick,
        "start_ns": time.ns(said.start_tick, start_s),
        "end_ns": time.ns(said.start_tick, end_s),
        "words": [
            {
                "text": w.text,
                "start_ns": time.ns(said.start_tick, w.start_s),
                "end_ns": time.ns(said.start_tick, w.end_s),
            }
            for w in said.clip.words
        ],
    }


def heard_spans(actor: Actor, said: Utterance, until_tick: int) -> list[Span]:
    """The ticks of an utterance at which its speaker was present and unmuted."""
    within = [(said.start_tick, min(said.end_tick, until_tick + 1))]
    return _both(_both(within, actor.present.spans(until_tick + 1)), actor.unmuted.spans(until_tick + 1))


def shares(stage: Stage, time: RoomTime) -> list[dict[str, Any]]:
    return [_share(sharing, time) for sharing in stage.sharings]


def _share(sharing: Sharing, time: RoomTime) -> dict[str, Any]:
    return {
        "name": sharing.actor.name,
        "device_id": sharing.device_id,
        "parent_device_id": sharing.actor.device_id,
        "video_stream_id": sharing.video_stream_id,
        "start_ns": time.ns(sharing.start_tick),
        "end_ns": time.ns(sharing.end_tick),
    }


def chat(said: Sequence[Said]) -> list[dict[str, Any]]:
    return [
        {"id": s.message_id, "device_id": s.device_id, "name": s.name, "text": s.text, "at_ns": s.at_ns, "bot": s.bot}
        for s in said
    ]


def captions(stage: Stage, time: RoomTime) -> list[dict[str, Any]]:
    """Every revision that was sent to those who had captions on."""
    return [
        {
            "caption_id": c.caption_id,
            "device_id": c.device_id,
            "name": c.name,
            "version": c.version,
            "text": c.text,
            "final": c.is_final,
            "at_ns": time.ns(tick),
        }
        for tick, c in stage.captions
    ]


def reference_audio(stage: Stage, name: str | None, until_tick: int | None = None) -> npt.NDArray[np.int16]:
    """What one person, or everybody together, said: s16, (samples,), 48 kHz; sample 0 is the room's beginning."""
    end = stage.tick if until_tick is None else until_tick
    mix = np.zeros(max(0, end) * PACKET_SAMPLES, np.int32)
    for actor in stage.actors.values():
        if name not in (None, actor.name, actor.person.name):
            continue
        for said in actor.voice.utterances:
            for first, last in heard_spans(actor, said, end - 1) if said.start_tick < end else ():
                begin = (first - said.start_tick) * PACKET_SAMPLES
                piece = said.clip.clip.pcm[begin : (last - said.start_tick) * PACKET_SAMPLES]
                at = first * PACKET_SAMPLES
                mix[at : at + len(piece)] += piece[: len(mix) - at]
    return np.clip(mix, -32768, 32767).astype(np.int16)


def _both(a: Sequence[Span], b: Sequence[Span]) -> list[Span]:
    """Where both lists of spans hold."""
    found = [(max(x[0], y[0]), min(x[1], y[1])) for x in a for y in b]
    return sorted(span for span in found if span[0] < span[1])


def _spans(spans: Sequence[Span], time: RoomTime) -> list[dict[str, int | None]]:
    return [{"start_ns": time.ns(first), "end_ns": time.ns(last)} for first, last in spans]
