"""The meeting itself: people come and go, speak and show, tick by tick, and every seat gets the same at the same time.

Pure of sockets: it is told the tick and hands frames to seats. What others must know is told to listeners.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from meetfleet.lab.actor import Actor, Sharing
from meetfleet.lab.cues import Cue, CueKind
from meetfleet.lab.media.opus import VOICE_LEVEL
from meetfleet.lab.media.studio import VideoOrder
from meetfleet.lab.media.video import VideoClip
from meetfleet.lab.seat import Seat
from meetfleet.lab.speaker_pool import SpeakerPool
from meetfleet.lab.timeline import Utterance

SILENCE_EVERY_TICKS = 20
SPEAKS_FOR_TICKS = 20
"""How long after the last voiced packet somebody counts as speaking."""
CAPTION_EVERY_TICKS = 15
CAPTION_FINAL_AFTER_TICKS = 25


@dataclass(frozen=True, slots=True)
class Said:
    """A chat message. `bot` tells that a visitor wrote it."""

    message_id: str
    device_id: str
    name: str
    text: str
    at_ns: int
    bot: bool = False


@dataclass(frozen=True, slots=True)
class Caption:
    """One revision of what the platform believes to have heard; the highest version counts."""

    device_id: str
    name: str
    caption_id: int
    version: int
    text: str
    is_final: bool


@dataclass(slots=True)
class Listeners:
    """Whom the stage tells what. Lists of functions, called in order, never awaited."""

    roster: list[Callable[[], None]] = field(default_factory=list[Callable[[], None]])
    streams: list[Callable[[], None]] = field(default_factory=list[Callable[[], None]])
    speaking: list[Callable[[], None]] = field(default_factory=list[Callable[[], None]])
    chat: list[Callable[[Said], None]] = field(default_factory=list[Callable[[Said], None]])
    caption: list[Callable[[Caption], None]] = field(default_factory=list[Callable[[Caption], None]])
    network: list[Callable[[bool], None]] = field(default_factory=list[Callable[[bool], None]])
    happened: list[Callable[[str, str], None]] = field(default_factory=list[Callable[[str, str], None]])


@dataclass(slots=True)
class _Captioning:
    utterance: Utterance
    version: int = 0
    words: int = 0


class Stage:
    """The running meeting.

    Args:
        actors: By name in the script.
        clips: Ready pictures by order.
        silence_packets: Whether open microphones send comfort noise.
    """

    def __init__(
        self,
        actors: Iterable[Actor],
        cues: Iterable[Cue],
        clips: Mapping[VideoOrder, VideoClip],
        shares: Mapping[str, Callable[[int], Sharing]],
        *,
        pool_size: int,
        silence_packets: bool,
    ) -> None:
        self.actors = {actor.person.name: actor for actor in actors}
        self.sharings: list[Sharing] = []
        self.chat: list[Said] = []
        self.captions: list[tuple[int, Caption]] = []
        self.seats: list[Seat] = []
        self.tell = Listeners()
        self.tick = 0
        self._cues = list(cues)
        self._clips = clips
        self._shares = shares
        self._pool = SpeakerPool(pool_size)
        self._silence_packets = silence_packets
        self._captioning: dict[str, _Captioning] = {}
        self.say_in_chat: Callable[[Actor, str], None] = lambda actor, text: None
        self._apply_due()

    @property
    def present(self) -> list[Actor]:
        return [actor for actor in self.actors.values() if actor.present.now]

    @property
    def sharing(self) -> list[Sharing]:
        """Shares that are on now."""
        return [share for share in self.sharings if share.end_tick is None and share.actor.present.now]

    async def play(self, tick: int) -> None:
        """Everything that happens at one tick."""
        self.tick = tick
        self._apply_due()
        await self._sound(tick)
        await self._pictures(tick)
        if tick % CAPTION_EVERY_TICKS == 0:
            self._caption(tick)

    def apply(self, cue: Cue) -> None:
        """Makes a change now, whatever the cue's tick."""
        if cue.kind is CueKind.NETWORK:
            self._emit(self.tell.network, cue.on)
            self._happened("network", "back" if cue.on else "gone")
            return
        handlers: dict[CueKind, Callable[[Actor, Cue], None]] = {
            CueKind.PRESENT: self._present,
            CueKind.CAMERA: self._camera,
            CueKind.UNMUTED: self._unmuted,
            CueKind.SMALL: self._small,
            CueKind.RENAME: self._rename,
            CueKind.SHARE: self._share,
            CueKind.CHAT: lambda actor, cue: self.say_in_chat(actor, cue.text),
        }
        handlers[cue.kind](self.actors[cue.who], cue)

    def post_chat(self, said: Said) -> None:
        self.chat.append(said)
        self._emit(self.tell.chat, said)

    def _apply_due(self) -> None:
        while self._cues and self._cues[0].tick <= self.tick:
            self.apply(self._cues.pop(0))

    def _present(self, actor: Actor, cue: Cue) -> None:
        if actor.present.set(self.tick, cue.on):
            self._happened("joined" if cue.on else "left", actor.name)
            if not cue.on:
                self._silence(actor)
                self._blank(actor.video_stream_id)
            self._changed()

    def _camera(self, actor: Actor, cue: Cue) -> None:
        if actor.camera_on.set(self.tick, cue.on):
            self._happened("camera_on" if cue.on else "camera_off", actor.name)
            self._blank(actor.video_stream_id)
            self._changed()

    def _unmuted(self, actor: Actor, cue: Cue) -> None:
        if actor.unmuted.set(self.tick, cue.on):
            self._happened("unmuted" if cue.on else "muted", actor.name)
            if not cue.on:
                self._silence(actor)
            self._changed()

    def _small(self, actor: Actor, cue: Cue) -> None:
        actor.small = cue.on
        self._happened("small_picture" if cue.on else "large_picture", actor.name)

    def _rename(self, actor: Actor, cue: Cue) -> None:
        actor.name = cue.text
        self._happened("renamed", cue.text)
        self._changed()

    def _share(self, actor: Actor, cue: Cue) -> None:
        if cue.on:
            self.sharings.append(self._shares[cue.text](self.tick))
        for share in self.sharing if not cue.on else ():
            if share.actor is actor:
                share.end_tick = self.tick
                self._blank(share.video_stream_id)
        self._happened("share_started" if cue.on else "share_stopped", actor.name)
        self._changed()

    async def _sound(self, tick: int) -> None:
        lines = {actor.person.name: line for actor in self.present if (line := self._line(actor, tick))}
        levels = {who: line.clip.clip.levels[tick - line.start_tick] for who, line in lines.items()}
        heard = self._pool.assign(tick, levels)
        for who, level in levels.items():
            if level < VOICE_LEVEL:
                self.actors[who].last_voice_tick = tick
        for who, slot in heard.items():
            for seat in self.seats:
                await seat.hear(slot, self.actors[who], lines[who], tick)
        if self._silence_packets and tick % SILENCE_EVERY_TICKS == 0:
            for who, slot in self._pool.owners().items():
                if who not in lines and self.actors[who].unmuted.now:
                    for seat in self.seats:
                        await seat.hear_silence(slot, self.actors[who], tick)
        self._note_speakers(tick)

    def _line(self, actor: Actor, tick: int) -> Utterance | None:
        return actor.voice.at(tick) if actor.unmuted.now else None

    def _note_speakers(self, tick: int) -> None:
        changed = False
        for actor in self.actors.values():
            speaks = tick - actor.last_voice_tick <= SPEAKS_FOR_TICKS and actor.present.now and actor.unmuted.now
            changed |= speaks != actor.speaks
            actor.speaks = speaks
        if changed:
            self._emit(self.tell.speaking)

    async def _pictures(self, tick: int) -> None:
        """Half of the cameras at even ticks, the others at odd ones: the load stays level."""
        if not self.seats:
            return
        for actor in self.present:
            if actor.camera_on.now and tick % 2 == actor.number % 2:
                clip = self._clips.get(actor.small_camera if actor.small else actor.camera)
                if clip is None:
                    continue  # a room may have no cameras at all
                for seat in self.seats:
                    await seat.see(actor, clip, tick)
        for share in self.sharing:
            for seat in self.seats:
                await seat.see_screen(share, self._clips[share.order], tick)

    def _caption(self, tick: int) -> None:
        for actor in self.present:
            line = self._line(actor, tick)
            if line and actor.person.name not in self._captioning:
                self._captioning[actor.person.name] = _Captioning(line)
        for who, state in list(self._captioning.items()):
            self._revise(self.actors[who], state, tick)

    def _revise(self, actor: Actor, state: _Captioning, tick: int) -> None:
        """A new revision for each new word heard, and a last one that says it is final."""
        line, elapsed_s = state.utterance, (tick - state.utterance.start_tick) / 50
        over = tick >= line.end_tick + CAPTION_FINAL_AFTER_TICKS or actor.voice.at(tick) not in (line, None)
        heard = [word.text for word in line.clip.words if word.end_s <= elapsed_s or over]
        if len(heard) > state.words or (over and state.version):
            state.words, state.version = len(heard), state.version + 1
            caption = Caption(actor.device_id, actor.name, line.number + 1, state.version, " ".join(heard), over)
            self.captions.append((tick, caption))
            self._emit(self.tell.caption, caption)
        if over:
            del self._captioning[actor.person.name]

    def _silence(self, actor: Actor) -> None:
        self._pool.forget(actor.person.name)
        self._captioning.pop(actor.person.name, None)

    def _blank(self, stream_id: str) -> None:
        for seat in self.seats:
            seat.lose(stream_id)

    def _changed(self) -> None:
        self._emit(self.tell.roster)
        self._emit(self.tell.streams)

    def _happened(self, what: str, who: str) -> None:
        self._emit(self.tell.happened, what, who)

    @staticmethod
    def _emit(listeners: list[Callable[..., None]], *args: object) -> None:
        for listener in listeners:
            listener(*args)
