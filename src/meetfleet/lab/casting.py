"""From a script to actors: who gets which voice, picture and identity, and which clips the room needs."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from meetfleet.lab.actor import Actor, Sharing
from meetfleet.lab.cues import CueKind, cues_of
from meetfleet.lab.media.picture import Camera, Screen
from meetfleet.lab.media.speech import CAST
from meetfleet.lab.media.speech import Voice as Sound
from meetfleet.lab.media.studio import Order, SpeechOrder, SpokenClip, Studio, VideoOrder
from meetfleet.lab.media.video import VideoClip
from meetfleet.lab.script import Person, RoomScript
from meetfleet.lab.timeline import Voice, lay_out, script_lines


@dataclass(frozen=True, slots=True)
class Production:
    """Everything a room needs before it opens."""

    speech: tuple[SpeechOrder, ...]
    cameras: tuple[tuple[VideoOrder, VideoOrder], ...]
    small_needed: frozenset[int]
    screens: tuple[VideoOrder, ...]

    @property
    def orders(self) -> list[Order]:
        """What must be ready; low layers only where the script switches to them."""
        large = [large for large, _ in self.cameras]
        small = [small for n, (_, small) in enumerate(self.cameras) if n in self.small_needed]
        return [*large, *small, *self.screens, *self.speech]


def sound_of(number: int, person: Person) -> Sound:
    """The person's voice; people without a chosen one get the cast's in order."""
    cast = CAST[(number - 1) % len(CAST)]
    if person.voice is None:
        return Sound(cast.name, person.pitch_hz or cast.pitch_hz, cast.speed * person.speed)
    return Sound(person.voice, person.pitch_hz, person.speed)


def produce(script: RoomScript) -> Production:
    """Which clips the script needs."""
    sounds = {person.name: sound_of(n, person) for n, person in enumerate(script.people, 1)}
    small = {cue.who for cue in cues_of(script) if cue.kind is CueKind.SMALL}
    numbers = {person.name: n for n, person in enumerate(script.people, 1)}
    return Production(
        tuple(SpeechOrder(line.text, sounds[line.who]) for line in script_lines(script)),
        tuple(_cameras(n, person, script) for n, person in enumerate(script.people, 1)),
        frozenset(numbers[who] - 1 for who in small),
        tuple(VideoOrder(Screen(numbers[s.who], s.who, s.slides), script.media.codec) for s in script.shares),
    )


def _cameras(number: int, person: Person, script: RoomScript) -> tuple[VideoOrder, VideoOrder]:
    large = Camera(number, person.name, script.media.video_loop_s)
    codec = script.media.codec
    return VideoOrder(large, codec), VideoOrder(replace(large, small=True), codec)


async def fetch(
    studio: Studio, script: RoomScript, production: Production
) -> tuple[list[SpokenClip], dict[VideoOrder, VideoClip]]:
    """Loads the prepared clips."""
    speech = [await studio.speech(order) for order in production.speech]
    orders = production.orders if script.media.cameras else production.screens
    wanted = [order for order in orders if isinstance(order, VideoOrder)]
    return speech, {order: await studio.video(order) for order in wanted}


def cast_actors(script: RoomScript, production: Production, clips: list[SpokenClip], space: str) -> list[Actor]:
    """The people of the script as actors, with all their lines."""
    lines = lay_out(script, clips)
    return [
        Actor(
            number=n,
            person=person,
            name=person.name,
            device_id=f"{space}/devices/{100 + n}",
            csrc=_number(f"{space} audio {n}"),
            video_stream_id=_text(f"{space} video {n}"),
            camera=production.cameras[n - 1][0],
            small_camera=production.cameras[n - 1][1],
            voice=Voice(line for line in lines if line.who == person.name),
        )
        for n, person in enumerate(script.people, 1)
    ]


def shares_of(
    script: RoomScript, production: Production, actors: Mapping[str, Actor], space: str
) -> dict[str, Callable[[int], Sharing]]:
    """Makers of the script's screen shares, by their number as text; each is called with the tick of its start."""

    def maker(n: int) -> Callable[[int], Sharing]:
        who = script.shares[n].who
        return lambda tick: Sharing(
            actors[who], f"{space}/devices/{500 + n}", _text(f"{space} screen {n}"), production.screens[n], tick
        )

    return {str(n): maker(n) for n in range(len(script.shares))}


def _number(seed: str) -> int:
    """Below 2^31: read as a signed number somewhere, it stays what it is."""
    return int.from_bytes(hashlib.sha256(seed.encode()).digest()[:4], "big") >> 1


def _text(seed: str) -> str:
    return hashlib.sha256(seed.encode()).hexdigest()[:24]
