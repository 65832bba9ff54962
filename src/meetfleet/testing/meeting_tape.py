"""A whole meeting as a tape, with the truth beside it: who spoke when, and the very sound they made."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from meetfleet.artifacts.der import SpokenSpan
from meetfleet.tape.frame import EncodedFrame, FrameKind
from meetfleet.tape.records import Participant, Roster, SourceRef, Speaking, StateSeen, TrackInfo
from meetfleet.tape.segment import TapeMeta
from meetfleet.tape.writer import TapeWriter
from meetfleet.testing.speech import RATE_HZ, opus_packets, packet_level, speech
from meetfleet.testing.tapes import START_NS, HandClock

_NS = 1_000_000_000
_POOL = 3
_BOT = -1
_BOT_CSRC = 4999
NAMES = ("Ada", "Grace", "Linus", "Margaret", "Barbara", "Dennis", "Edsger", "Frances")


@dataclass(frozen=True, slots=True)
class Utterance:
    """Somebody speaks, in seconds of meeting time."""

    speaker: int
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class MeetingScript:
    """What happens, and how badly the network treats it.

    Attributes:
        utterances: In order of start. Times on multiples of 20 ms fall on packet boundaries, others do not.
        duration_s: Length of the recording.
        layout: `pool` (three rotating tracks with CSRCs, as an SFU sends them), `own` (a track for each person),
            `raw_pool` (the pool as decoded PCM without CSRCs), or `page` (one decoded mix).
        keeps_sending: Whether people with tracks of their own send packets of silence when they do not speak.
        sample_rate_hz: Of the decoded layouts.
        csrc_shift_at_s: From here on everybody has the CSRC that the next person had before; 0 never.
        echo: Whether the platform sends the bot's own voice back, all the time, from the CSRC of its roster entry.
        jitter_ms: Each packet is late by up to this.
        skew_ppm: How much faster the senders' clocks run.
        roster_delay_s: When the roster that names the CSRCs arrives.
        pauses: Spans in which the bot's state is `paused`.
        rotate_every_s: A speaker moves to another track of the pool this often, mid-word; 0 never.
        signals: Whether the platform tells who speaks (0.2 s late on, 0.8 s late off).
        levels: Whether packets carry audio levels.
        state: Whether the bot's states are on the tape.
    """

    utterances: tuple[Utterance, ...]
    duration_s: float
    people: int = 3
    layout: str = "pool"
    jitter_ms: float = 0
    loss: float = 0
    skew_ppm: float = 0
    roster_delay_s: float = 0
    sample_rate_hz: int = RATE_HZ
    csrc_shift_at_s: float = 0
    echo: bool = False
    keeps_sending: bool = False
    pauses: tuple[tuple[float, float], ...] = ()
    rotate_every_s: float = 0
    signals: bool = False
    levels: bool = True
    state: bool = True
    segment_s: float = 5.0
    take: int = 1
    start_ns: int = START_NS
    end_state: str | None = "leaving"


@dataclass(slots=True)
class MadeTape:
    """A tape and its truth. Times are of the recording, pauses cut out.

    Attributes:
        sound: The true mix, 48 kHz mono.
    """

    directory: Path
    truth: list[SpokenSpan]
    sound: NDArray[np.int16]
    payloads: dict[int, list[bytes]] = field(default_factory=dict[int, list[bytes]])


@dataclass(slots=True)
class _Timed:
    at_ns: int
    order: int
    frame: EncodedFrame | None = None
    record: StateSeen | Roster | Speaking | None = None


def csrc_of(speaker: int) -> int:
    return 5000 + speaker


def turns(people: int, duration_s: float, *, seed: int = 1, overlap: float = 0.15) -> tuple[Utterance, ...]:
    """People in turn, two to seven seconds each, now and then over each other; never on packet boundaries."""
    rng = random.Random(seed)
    at, out, speaker = 0.5, list[Utterance](), 0
    while True:
        length = rng.uniform(2, 7)
        if at + length > duration_s - 0.5:
            return tuple(out)
        out.append(Utterance(speaker, round(at, 4), round(at + length, 4)))
        speaker = (speaker + rng.randrange(1, people)) % people if people > 1 else 0
        at += length + (-rng.uniform(0.3, 1.0) if rng.random() < overlap and people > 1 else rng.uniform(0.7, 1.5))


def damaged(index: int, frame: EncodedFrame) -> EncodedFrame:
    """Breaks every tenth packet in one way or another: for `make_tape(alter=damaged)`."""
    broken = (b"", b"\xff", b"\x03", frame.payload[:1] + b"\xff" * 40)
    return replace(frame, payload=broken[index // 10 % len(broken)]) if index % 10 == 0 else frame


def make_tape(
    directory: Path, script: MeetingScript, *, alter: Callable[[int, EncodedFrame], EncodedFrame] | None = None
) -> MadeTape:
    """Writes the tape of a script through the real writer, and returns the truth.

    Args:
        alter: Changes a frame (given with its number) before it is written.
    """
    events, payloads = _media(script)
    for index, event in enumerate(events):
        if alter is not None and event.frame is not None:
            event.frame = alter(index, event.frame)
    events += _told(script)
    events.sort(key=lambda e: (e.at_ns, e.order))
    clock = HandClock(script.start_ns)
    meta = TapeMeta("bot-1", script.take, "google_meet", script.start_ns)
    writer = TapeWriter(directory, meta, clock, segment_s=script.segment_s)
    for info in _tracks(script):
        writer.write_track(info)
    for event in events:
        clock.ns = max(clock.ns, event.at_ns)
        if event.frame is not None:
            writer.append_frames(event.frame.track_id, [event.frame])
        elif event.record is not None:
            writer.append(event.record, event.at_ns)
    clock.ns = max(clock.ns, script.start_ns + round(script.duration_s * _NS))
    writer.close()
    return MadeTape(directory, _truth(script), _true_sound(script), payloads)


def _tracks(script: MeetingScript) -> list[TrackInfo]:
    count = script.people if script.layout == "own" else _POOL
    if script.layout == "raw_pool":
        return [TrackInfo(i, "audio", "pcm_s16le", script.sample_rate_hz, rung="raw") for i in range(count)]
    if script.layout == "page":
        return [TrackInfo(0, "audio", "pcm_s16le", script.sample_rate_hz, rung="page", is_mix=True)]
    return [TrackInfo(i, "audio", "opus", RATE_HZ, stream_id=f"stream-{i}") for i in range(count)]


def _told(script: MeetingScript) -> list[_Timed]:
    at = script.start_ns
    events: list[_Timed] = []
    if script.state:
        events.append(_Timed(at, 0, record=StateSeen("recording")))
        for start_s, end_s in script.pauses:
            events.append(_Timed(at + round(start_s * _NS), 0, record=StateSeen("paused")))
            events.append(_Timed(at + round(end_s * _NS), 0, record=StateSeen("recording")))
        if script.end_state:
            end_ns = at + round(script.duration_s * _NS)
            events.append(_Timed(end_ns, 9, record=StateSeen(script.end_state)))
    events.append(_Timed(at + round(script.roster_delay_s * _NS), 0, record=_roster(script, 0)))
    if script.csrc_shift_at_s:
        events.append(_Timed(at + round(script.csrc_shift_at_s * _NS), 0, record=_roster(script, 1)))
    if script.signals:
        for u in script.utterances:
            who = f"devices/{u.speaker}"
            events.append(_Timed(at + round((u.start_s + 0.2) * _NS), 1, record=Speaking(who, True)))
            events.append(_Timed(at + round((u.end_s + 0.8) * _NS), 1, record=Speaking(who, False)))
    return events


def _roster(script: MeetingScript, shift: int) -> Roster:
    people = [Participant(f"devices/{i}", NAMES[i], sources=_sources(script, i, shift)) for i in range(script.people)]
    bot = Participant("devices/bot", "Notetaker", is_self=True, sources=(SourceRef("audio", csrc=_BOT_CSRC),))
    return Roster((*people, bot))


def _sources(script: MeetingScript, person: int, shift: int) -> tuple[SourceRef, ...]:
    if script.layout == "own":
        return (SourceRef("audio", track_id=person),)
    if script.layout == "pool":
        return (SourceRef("audio", csrc=csrc_of((person + shift) % script.people)),)
    return ()


def _media(script: MeetingScript) -> tuple[list[_Timed], dict[int, list[bytes]]]:
    rng = random.Random(7)
    events: list[_Timed] = []
    payloads: dict[int, list[bytes]] = {}
    busy = [0.0] * _POOL
    if script.layout == "page":
        mix = _true_sound(replace(script, pauses=()))
        return _packets(script, Utterance(0, 0, script.duration_s), 0, mix, rng, []), payloads
    if script.echo:
        hum = speech(script.duration_s, 8)
        events += _packets(script, Utterance(_BOT, 0, script.duration_s), 2, hum, rng, [])
    if script.keeps_sending:
        events += _silence(script, rng)
    for utterance in script.utterances:
        track = utterance.speaker if script.layout == "own" else _free_track(busy, utterance)
        sound = speech(utterance.end_s - utterance.start_s, utterance.speaker)
        events += _packets(script, utterance, track, sound, rng, payloads.setdefault(utterance.speaker, []))
    return events, payloads


def _silence(script: MeetingScript, rng: random.Random) -> list[_Timed]:
    """What senders without DTX send between their words."""
    tick_s = _tick_s(script)
    events: list[_Timed] = []
    for person in range(script.people):
        busy: set[int] = set()
        for u in script.utterances:
            if u.speaker == person:
                busy.update(range(int(u.start_s / tick_s), int(u.start_s / tick_s) + _packet_count(u, tick_s)))
        for number in range(int(script.duration_s / tick_s)):
            if number not in busy:
                arrival_ns = script.start_ns + round((number * tick_s + rng.random() * script.jitter_ms / 1000) * _NS)
                rtp = (1000 * person + number * 960) & 0xFFFFFFFF
                frame = EncodedFrame(
                    person, FrameKind.AUDIO, arrival_ns, rtp, 900 + person, b"\xf8\xff\xfe", audio_level=127
                )
                events.append(_Timed(arrival_ns, 2, frame=frame))
    return events


def _tick_s(script: MeetingScript) -> float:
    """How long 20 ms of the senders' clocks really last."""
    return 0.02 * (1 - script.skew_ppm * 1e-6)


def _packet_count(utterance: Utterance, tick_s: float) -> int:
    offset = round((utterance.start_s - int(utterance.start_s / tick_s) * tick_s) * RATE_HZ)
    return (offset + round((utterance.end_s - utterance.start_s) * RATE_HZ) + 960 * 10) // 960


def _free_track(busy: list[float], utterance: Utterance) -> int:
    track = min(range(_POOL), key=lambda i: (busy[i] > utterance.start_s, busy[i], i))
    busy[track] = utterance.end_s + 0.4
    return track


def _packets(
    script: MeetingScript,
    utterance: Utterance,
    track: int,
    sound: NDArray[np.int16],
    rng: random.Random,
    payloads: list[bytes],
) -> list[_Timed]:
    """A sender's packets tick every 20 ms of its own clock; speech begins within one."""
    tick_s = _tick_s(script)
    first_packet = int(utterance.start_s / tick_s)
    offset = round((utterance.start_s - first_packet * tick_s) * RATE_HZ)
    padded = np.pad(sound, (offset, 960 * 10))
    is_pcm = script.layout in ("raw_pool", "page")
    packets = [] if is_pcm else opus_packets(padded)
    events: list[_Timed] = []
    for index in range(len(padded) // 960):
        piece = padded[index * 960 : (index + 1) * 960]
        number = first_packet + index
        sent_s = number * tick_s
        payload = _pcm(piece, script.sample_rate_hz) if is_pcm else packets[index]
        payloads.append(payload)
        if rng.random() < script.loss:
            continue
        on_track = track
        if script.rotate_every_s and script.layout == "pool":
            on_track = (track + int(index / 50 / script.rotate_every_s)) % _POOL
        arrival_ns = script.start_ns + round((sent_s + rng.random() * script.jitter_ms / 1000) * _NS)
        rtp = (1000 * on_track + number * (script.sample_rate_hz // 50 if is_pcm else 960)) & 0xFFFFFFFF
        frame = EncodedFrame(
            track_id=on_track,
            kind=FrameKind.AUDIO,
            arrival_ns=arrival_ns,
            rtp_timestamp=rtp,
            ssrc=900 + on_track,
            payload=payload,
            csrcs=(_csrc(script, utterance, sent_s),) if script.layout == "pool" else (),
            audio_level=packet_level(piece) if script.levels and not is_pcm else 255,
        )
        events.append(_Timed(arrival_ns, 2, frame=frame))
    return events


def _csrc(script: MeetingScript, utterance: Utterance, at_s: float) -> int:
    if utterance.speaker == _BOT:
        return _BOT_CSRC
    shifted = script.csrc_shift_at_s and at_s >= script.csrc_shift_at_s
    return csrc_of((utterance.speaker + bool(shifted)) % script.people)


def _pcm(piece: NDArray[np.int16], rate_hz: int) -> bytes:
    """20 ms at another rate, by picking samples: a test tone has nothing up there that would alias."""
    places = np.arange(rate_hz // 50) * (RATE_HZ / rate_hz)
    return np.interp(places, np.arange(len(piece)), piece).astype("<i2").tobytes()


def _truth(script: MeetingScript) -> list[SpokenSpan]:
    spans: list[SpokenSpan] = []
    for u in script.utterances:
        spans += [SpokenSpan(NAMES[u.speaker], a, b) for a, b in _kept(script, u.start_s, u.end_s)]
    return spans


def _kept(script: MeetingScript, start_s: float, end_s: float) -> list[tuple[float, float]]:
    """The parts of a span of the meeting that the recording keeps, in its time."""
    edges = [0.0, *(t for pause in script.pauses for t in pause), script.duration_s]
    out: list[tuple[float, float]] = []
    offset = 0.0
    for a, b in zip(edges[::2], edges[1::2], strict=True):
        if max(a, start_s) < min(b, end_s):
            out.append((offset + max(a, start_s) - a, offset + min(b, end_s) - a))
        offset += b - a
    return out


def _true_sound(script: MeetingScript) -> NDArray[np.int16]:
    mix = np.zeros(round(script.duration_s * RATE_HZ) + RATE_HZ, np.int32)
    for u in script.utterances:
        start = round(u.start_s * RATE_HZ)
        sound = speech(u.end_s - u.start_s, u.speaker)
        mix[start : start + len(sound)] += sound
    edges = [0.0, *(t for pause in script.pauses for t in pause), script.duration_s]
    parts = [mix[round(a * RATE_HZ) : round(b * RATE_HZ)] for a, b in zip(edges[::2], edges[1::2], strict=True)]
    return np.concatenate(parts).clip(-32768, 32767).astype(np.int16)
