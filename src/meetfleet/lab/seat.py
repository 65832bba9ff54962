"""What one bot is sent: sound as the pool assigns it, and pictures that each begin with a keyframe."""

from dataclasses import dataclass
from hashlib import sha1

from meetfleet.lab.actor import Actor, Sharing
from meetfleet.lab.media.opus import SILENCE_PACKET, SILENT_LEVEL, VOICE_LEVEL
from meetfleet.lab.media.video import VideoClip
from meetfleet.lab.rtc.session import MediaSession
from meetfleet.lab.timeline import Utterance

SILENCE_SHA1 = sha1(SILENCE_PACKET).hexdigest()
SHARE_TICKS = 10
"""A shared screen has five pictures a second."""


@dataclass(slots=True)
class _Stream:
    clip: VideoClip | None = None


class Seat:
    """A bot's place in the meeting."""

    def __init__(self, session: MediaSession) -> None:
        self.session = session
        self._streams: dict[str, _Stream] = {}

    async def hear(self, slot: int, actor: Actor, utterance: Utterance, tick: int) -> None:
        """Sends the packet of this tick of a line."""
        n = tick - utterance.start_tick
        clip = utterance.clip.clip
        await self.session.send_audio(
            slot,
            clip.packets[n],
            tick,
            source=actor.device_id,
            csrc=actor.csrc,
            level=clip.levels[n],
            voice=clip.levels[n] < VOICE_LEVEL,
            frame=n,
            sha=clip.digests[n],
        )

    async def hear_silence(self, slot: int, actor: Actor, tick: int) -> None:
        """Sends a packet of comfort noise."""
        await self.session.send_audio(
            slot,
            SILENCE_PACKET,
            tick,
            source=actor.device_id,
            csrc=actor.csrc,
            level=SILENT_LEVEL,
            voice=False,
            frame=-1,
            sha=SILENCE_SHA1,
        )

    async def see(self, actor: Actor, clip: VideoClip, tick: int) -> None:
        """Sends a camera's picture of this tick."""
        await self._show(actor.video_stream_id, actor.device_id, clip, tick // 2, tick)

    async def see_screen(self, sharing: Sharing, clip: VideoClip, tick: int) -> None:
        if (tick - sharing.start_tick) % SHARE_TICKS == 0:
            picture = (tick - sharing.start_tick) // SHARE_TICKS
            await self._show(sharing.video_stream_id, sharing.device_id, clip, picture, tick)

    def lose(self, stream_id: str) -> None:
        """The stream pauses; it goes on with a keyframe."""
        self._streams.pop(stream_id, None)

    async def _show(self, stream_id: str, source: str, clip: VideoClip, picture: int, tick: int) -> None:
        """A stream starts, and changes its layer, at a keyframe: until then the old layer goes on."""
        sender = self.session.video.get(stream_id)
        if sender is None or not sender.ready:
            return
        n = picture % len(clip.frames)
        stream = self._streams.setdefault(stream_id, _Stream())
        if stream.clip is not clip:
            if clip.keyframes[n]:
                stream.clip = clip
            elif stream.clip is None:
                return
        shown = stream.clip
        assert shown is not None
        n = picture % len(shown.frames)
        await self.session.send_video(stream_id, shown.frames[n], tick, source=source, frame=n, sha=shown.digests[n])
