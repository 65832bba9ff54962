"""Where clips come from: the cache, or at most two worker processes that fill it."""

import asyncio
import multiprocessing
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from meetfleet.lab.media.clip_file import cache_name, read_speech, read_video, write_speech, write_video
from meetfleet.lab.media.opus import LEAD_SAMPLES, OpusClip, encode_opus
from meetfleet.lab.media.picture import Camera, Screen
from meetfleet.lab.media.speech import SAMPLE_RATE_HZ, Voice, Word, speak
from meetfleet.lab.media.video import VideoClip, encode_video
from meetfleet.lab.script import VideoCodec

WORKERS = 2
Progress = Callable[[int, int], None]
"""Called with (clips ready, clips wanted)."""


@dataclass(frozen=True, slots=True)
class SpeechOrder:
    text: str
    voice: Voice


@dataclass(frozen=True, slots=True)
class VideoOrder:
    scene: Camera | Screen
    codec: VideoCodec


Order = SpeechOrder | VideoOrder


@dataclass(frozen=True, slots=True)
class SpokenClip:
    """A line as packets, with what is said in it. Times are seconds from the clip's first packet."""

    clip: OpusClip
    words: tuple[Word, ...]
    audible_start_s: float
    audible_end_s: float


class Studio:
    """Makes clips, or finds them made.

    Args:
        cache_dir: Clips of all labs of this user; safe to share between processes and to delete.
    """

    def __init__(self, cache_dir: Path) -> None:
        self.cache_dir = cache_dir
        self._pool: ProcessPoolExecutor | None = None
        self._speech: dict[Path, SpokenClip] = {}
        self._video: dict[Path, VideoClip] = {}

    async def prepare(self, orders: Iterable[Order], progress: Progress | None = None) -> None:
        """Makes what is missing, long pieces first.

        Raises:
            MediaError: speech cannot be made on this machine.
        """
        wanted = {self._path(order): order for order in orders}
        missing = sorted((p for p in wanted if not p.exists()), key=lambda p: isinstance(wanted[p], SpeechOrder))
        done = len(wanted) - len(missing)
        if progress:
            progress(done, len(wanted))
        loop = asyncio.get_running_loop()
        jobs = [loop.run_in_executor(self._workers(), _make, wanted[path], path) for path in missing]
        try:
            for job in asyncio.as_completed(jobs):
                await job
                done += 1
                if progress:
                    progress(done, len(wanted))
        finally:
            for job in jobs:
                job.cancel()

    async def speech(self, order: SpeechOrder) -> SpokenClip:
        """The clip of one line; made now if it was not prepared."""
        path = self._path(order)
        if path not in self._speech:
            await self.prepare([order])
            clip, words, (first, last) = await asyncio.to_thread(read_speech, path)
            self._speech[path] = SpokenClip(clip, words, first / SAMPLE_RATE_HZ, last / SAMPLE_RATE_HZ)
        return self._speech[path]

    async def video(self, order: VideoOrder) -> VideoClip:
        path = self._path(order)
        if path not in self._video:
            await self.prepare([order])
            self._video[path] = await asyncio.to_thread(read_video, path)
        return self._video[path]

    async def close(self) -> None:
        if self._pool:
            pool, self._pool = self._pool, None
            await asyncio.to_thread(pool.shutdown, wait=True, cancel_futures=True)

    def _path(self, order: Order) -> Path:
        kind = "speech" if isinstance(order, SpeechOrder) else "video"
        return self.cache_dir / f"{cache_name(kind, [type(order).__name__, _recipe(order)])}.clip"

    def _workers(self) -> ProcessPoolExecutor:
        if self._pool is None:
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(WORKERS, mp_context=context, initializer=os.nice, initargs=(5,))
        return self._pool


def default_cache_dir() -> Path:
    """`$XDG_CACHE_HOME/meetfleet/lab`, by default under `~/.cache`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "meetfleet" / "lab"


def _recipe(order: Order) -> list[object]:
    if isinstance(order, SpeechOrder):
        return [order.text, asdict(order.voice)]
    return [type(order.scene).__name__, asdict(order.scene), order.codec]


def _make(order: Order, path: Path) -> None:
    """Runs in a worker process."""
    if isinstance(order, VideoOrder):
        write_video(path, encode_video(order.scene, order.codec))
        return
    speech = speak(order.text, order.voice)
    lead_s = LEAD_SAMPLES / SAMPLE_RATE_HZ
    words = tuple(Word(w.text, w.start_s + lead_s, w.end_s + lead_s) for w in speech.words)
    write_speech(path, encode_opus(speech.pcm), words, (LEAD_SAMPLES, LEAD_SAMPLES + len(speech.pcm)))
