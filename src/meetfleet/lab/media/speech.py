"""Text becomes speech: flite where it is installed, espeak-ng otherwise. Mono, 48 kHz, with the time of each word."""

import re
import shutil
import subprocess
import tempfile
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from meetfleet.domain.errors import MediaError

SAMPLE_RATE_HZ = 48_000
LEVEL_DBFS = -20.0
"""Every voice is brought to this loudness (RMS of its audible samples)."""
AUDIBLE = 0.004
"""Share of full scale above which a sample counts as audible."""
SYNTHESIS_TIMEOUT_S = 60.0

Pcm = npt.NDArray[np.int16]

FLITE_VOICES = ("rms", "slt", "awb", "kal16")
_PAUSE = "pau"


@dataclass(frozen=True, slots=True)
class Voice:
    """How one person sounds.

    Attributes:
        name: A flite voice.
        pitch_hz: Mean pitch; None is the voice's own.
        speed: 1.2 is a fifth faster.
    """

    name: str = "rms"
    pitch_hz: float | None = None
    speed: float = 1.0


CAST = (
    Voice("rms"),
    Voice("slt"),
    Voice("awb"),
    Voice("slt", 220, 1.12),
    Voice("kal16"),
    Voice("rms", 80, 0.95),
    Voice("awb", 165, 1.1),
    Voice("kal16", 140, 1.1),
)
"""Voices that are easy to tell apart, in the order in which people without a chosen voice get them."""


@dataclass(frozen=True, slots=True)
class Word:
    """A spoken word. Times are seconds from the first sample of the speech; they are estimates (10 to 50 ms)."""

    text: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Speech:
    """Synthesised speech.

    Attributes:
        pcm: s16, (samples,), 48 kHz; starts and ends with the first and last audible sample.
    """

    pcm: Pcm
    words: tuple[Word, ...]

    @property
    def duration_s(self) -> float:
        return len(self.pcm) / SAMPLE_RATE_HZ


def speak(text: str, voice: Voice) -> Speech:
    """Synthesises one line.

    Raises:
        MediaError: no synthesiser is installed, or it failed.
    """
    if shutil.which("flite"):
        pcm, phones = _flite(text, voice)
    elif shutil.which("espeak-ng"):
        pcm, phones = _espeak(text, voice), []
    else:
        raise MediaError("Neither flite nor espeak-ng is installed; people in the lab cannot speak.")
    start, end = _audible(pcm)
    tokens = text.split()
    if not tokens or end <= start:
        raise MediaError(f"Nothing can be heard of '{text}'.")
    counts = _phones_per_token(tokens, voice) if phones else []
    words = _timed_by_phones(tokens, phones, counts) if counts else _timed_by_letters(tokens, start, end)
    offset_s, last_s = start / SAMPLE_RATE_HZ, (end - start) / SAMPLE_RATE_HZ
    return Speech(
        _levelled(pcm[start:end]),
        tuple(Word(w.text, max(0.0, w.start_s - offset_s), min(last_s, w.end_s - offset_s)) for w in words),
    )


def _flite(text: str, voice: Voice) -> tuple[Pcm, list[tuple[str, float]]]:
    with tempfile.TemporaryDirectory(prefix="meetfleet-speech-") as folder:
        path = Path(folder) / "speech.wav"
        printed = _run(["flite", *_flite_settings(voice), "-psdur", "-t", text, "-o", str(path)])
        pcm = _read_wav(path)
    phones = [phone.split(":") for phone in printed.split() if ":" in phone]
    return pcm, [(name, float(end)) for name, end in phones]


def _flite_settings(voice: Voice) -> list[str]:
    settings = ["-voice", voice.name]
    if voice.pitch_hz is not None:
        settings += ["--setf", f"int_f0_target_mean={voice.pitch_hz:g}"]
    if voice.speed != 1.0:
        settings += ["--setf", f"duration_stretch={1 / voice.speed:.3f}"]
    return settings


def _phones_per_token(tokens: list[str], voice: Voice) -> list[int]:
    """How many phones each word has, from speaking each as a sentence of its own; empty if flite split it otherwise."""
    plain = [re.sub(r"[^\w'%$&+-]", "", token) or "a" for token in tokens]
    printed = _run(["flite", "-voice", voice.name, "-ps", "-t", ". ".join(plain) + ".", "-o", "none"])
    groups = [group.split() for group in printed.split(_PAUSE)]
    counts = [len(group) for group in groups if group]
    return counts if len(counts) == len(tokens) else []


def _timed_by_phones(tokens: list[str], phones: list[tuple[str, float]], counts: list[int]) -> list[Word]:
    """Lays the words' phone counts along the line's phones; connected speech may drop one, so it is done by share."""
    spans: list[tuple[float, float]] = []
    before = 0.0
    for name, end in phones:
        if name != _PAUSE:
            spans.append((before, end))
        before = end
    total, done, words = sum(counts), 0, list[Word]()
    for token, count in zip(tokens, counts, strict=True):
        first = min(round(done * len(spans) / total), len(spans) - 1)
        done += count
        last = max(first, round(done * len(spans) / total) - 1)
        words.append(Word(token, spans[first][0], spans[last][1]))
    return words


def _timed_by_letters(tokens: list[str], start: int, end: int) -> list[Word]:
    per_letter = (end - start) / SAMPLE_RATE_HZ / sum(len(token) + 1 for token in tokens)
    at, words = start / SAMPLE_RATE_HZ, list[Word]()
    for token in tokens:
        words.append(Word(token, at, at + len(token) * per_letter))
        at += (len(token) + 1) * per_letter
    return words


def _espeak(text: str, voice: Voice) -> Pcm:
    variant = {"rms": "m3", "slt": "f2", "awb": "m7", "kal16": "m1"}.get(voice.name, "m1")
    pitch = 50 if voice.pitch_hz is None else max(0, min(99, round((voice.pitch_hz - 60) / 2)))
    with tempfile.TemporaryDirectory(prefix="meetfleet-speech-") as folder:
        path = Path(folder) / "speech.wav"
        rate = str(round(165 * voice.speed))
        _run(["espeak-ng", "-v", f"en+{variant}", "-p", str(pitch), "-s", rate, "-w", str(path), text])
        return _read_wav(path)


def _run(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, timeout=SYNTHESIS_TIMEOUT_S, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        raise MediaError(f"{command[0]} failed: {error}") from error
    return done.stdout.decode(errors="replace")


def _read_wav(path: Path) -> Pcm:
    with wave.open(str(path), "rb") as wav:
        rate = wav.getframerate()
        pcm = np.frombuffer(wav.readframes(wav.getnframes()), "<i2")
    return upsample(pcm, rate)


def upsample(pcm: Pcm, rate_hz: int) -> Pcm:
    """To 48 kHz by band-limited interpolation without delay: the spectrum is padded with zeros."""
    if rate_hz == SAMPLE_RATE_HZ or not len(pcm):
        return pcm.astype(np.int16)
    # the inverse transform must come out at a whole length for every rate, so pad to a multiple of the rate's step
    step = rate_hz // int(np.gcd(rate_hz, SAMPLE_RATE_HZ))
    padded = -(-(len(pcm) + 512) // (step * 256)) * step * 256
    longer = padded * SAMPLE_RATE_HZ // rate_hz
    spectrum = np.fft.rfft(pcm.astype(np.float64), padded)
    wave48 = np.fft.irfft(spectrum, longer) * (SAMPLE_RATE_HZ / rate_hz)
    return np.clip(np.rint(wave48[: len(pcm) * SAMPLE_RATE_HZ // rate_hz]), -32768, 32767).astype(np.int16)


def _audible(pcm: Pcm) -> tuple[int, int]:
    loud = np.flatnonzero(np.abs(pcm.astype(np.int32)) > AUDIBLE * 32768)
    return (int(loud[0]), int(loud[-1]) + 1) if len(loud) else (0, 0)


def _levelled(pcm: Pcm) -> Pcm:
    x = pcm.astype(np.float64)
    voiced = x[np.abs(x) > AUDIBLE * 32768]
    rms = float(np.sqrt(np.mean(voiced**2)))
    gain = 32768 * 10 ** (LEVEL_DBFS / 20) / rms
    gain = min(gain, 32000 / float(np.max(np.abs(x))))
    return np.rint(x * gain).astype(np.int16)
