"""The end of a build: who spoke, one file for each person, the small files, and the manifest of them all."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from meetfleet.artifacts.attribution import Claim, Owned, Sounding, attribute, owned
from meetfleet.artifacts.audio_source import AudioSource
from meetfleet.artifacts.caption_words import captions_json, said_runs
from meetfleet.artifacts.captions import caption_runs, captions_vtt
from meetfleet.artifacts.chat import chat_json, utc_time
from meetfleet.artifacts.context import BuildContext
from meetfleet.artifacts.diarization import (
    Segment,
    diarization_jsonl,
    segments_of,
    speakers_json,
    speaking_s,
    timeline_json,
)
from meetfleet.artifacts.manifest import (
    CaptureEntry,
    FileEntry,
    GapEntry,
    Manifest,
    ParticipantEntry,
    Quality,
    describe_file,
    write_manifest,
    write_whole,
)
from meetfleet.artifacts.recording_line import to_ns, to_samples
from meetfleet.artifacts.roster_book import Person, Ref
from meetfleet.artifacts.speaker_audio import Voice, file_name, write_voice
from meetfleet.tape.records import Evidence
from meetfleet.tape.segment import TAPE_VERSION

if TYPE_CHECKING:
    from meetfleet.artifacts.live import LiveBuild

OUTPUT_NAMES = (
    "output.flac",
    "diarization.jsonl",
    "speakers.json",
    "chat_messages.json",
    "captions.vtt",
    "captions.json",
    "participants.json",
    "timeline.json",
)
_NS = 1_000_000_000
_MS = 1_000_000


def finish(build: LiveBuild, context: BuildContext) -> Manifest:
    """Writes every file of a build whose tape has ended."""
    return _Finish(build, context).run()


class _Finish:
    def __init__(self, build: LiveBuild, context: BuildContext) -> None:
        self._build = build
        self._context = context
        self._directory = build.work_dir
        self._files: list[FileEntry] = []
        self._people = build.roster.people()
        self._line = build.line
        self._duration_ns = build.line.duration_ns(build.last_ns)
        self._total = to_samples(self._duration_ns)
        self._sources = sorted(build.sound.sources.items()) if build.sound else []

    def run(self) -> Manifest:
        self._tell_captions()
        soundings = [self._sounding(source) for _, source in self._sources]
        self._line.end_take(0, self._build.last_ns)
        claims = attribute(soundings, self._build.roster, self._build.signals)
        segments = segments_of(claims, self._people, self._build.roster.self_ids(), self._line)
        if self._total:
            self._text("timeline.json", "timeline", timeline_json(claims, self._line))
            self._write_sound()
            self._write_speakers(soundings, claims, segments)
        self._write_told(segments)
        manifest = self._manifest(segments)
        write_manifest(self._directory, manifest)
        return manifest

    def _tell_captions(self) -> None:
        """Captions are evidence too: the weakest but one."""
        by_name = {person.name: person.participant_ids[0] for person in self._people}
        for line in self._build.captions.lines():
            participant_id = line.caption.participant_id or by_name.get(line.caption.name)
            if participant_id:
                self._build.signals.see_caption(line.start_ns - _NS, line.end_ns, participant_id)

    def _sounding(self, source: AudioSource) -> Sounding:
        origin_ns = source.desk.origin_ns
        spans = [(origin_ns + to_ns(s.start), origin_ns + to_ns(s.end)) for s in source.activity.spans()]
        return Sounding(source.key, source.key.take, self._refs(source), tuple(spans), source.is_mix)

    def _refs(self, source: AudioSource) -> tuple[tuple[Evidence, Ref], ...]:
        take, _, source_id, _ = source.key
        refs: list[tuple[Evidence, Ref]] = []
        if len(source.tracks) == 1:
            (track_id,) = source.tracks
            refs.append((Evidence.TRACK, ("track", take, track_id)))
            if source.stream_id is not None:
                refs.append((Evidence.TRACK, ("stream", take, source.stream_id)))
        refs.append((Evidence.CSRC, ("csrc", take, source_id)))
        return tuple(refs)

    def _write_sound(self) -> None:
        sound = self._build.sound
        assert sound is not None
        sound.finish(self._total)
        if sound.flac_path.exists():
            sound.flac_path.rename(self._directory / "output.flac")
            self._add("output.flac", "audio", duration_s=self._duration_s)

    def _write_speakers(self, soundings: list[Sounding], claims: list[Claim], segments: list[Segment]) -> None:
        if not self._build.options.speaker_audio:
            return
        unknown = 0
        for voice in self._voices(soundings, claims, segments):
            unknown += voice.person is None
            name = file_name(voice, unknown)
            title = voice.person.name if voice.person else "Unknown speaker"
            if write_voice(self._directory, name, voice, self._total, title):
                self._add(
                    name,
                    "speaker_audio",
                    duration_s=self._duration_s,
                    speaker=voice.person.name if voice.person else None,
                    user_id=voice.person.user_id if voice.person else None,
                )

    def _voices(self, soundings: list[Sounding], claims: list[Claim], segments: list[Segment]) -> list[Voice]:
        """One voice for each person who spoke, and one for each source that nobody could name."""
        spoke = {segment.user_id for segment in segments}
        voices = {person.user_id: Voice(person) for person in self._people if person.user_id in spoke}
        by_id = {pid: person.user_id for person in self._people for pid in person.participant_ids}
        unknown: list[Voice] = []
        for sounding, (_, source) in zip(soundings, self._sources, strict=True):
            if not source.has_file:
                continue
            owners = owned(sounding, self._build.roster)
            mine = [c for c in claims if c.source == source.key]
            shares = _shares(owners, mine)
            for participant_id, spans in shares.items():
                voice = voices.get(by_id.get(participant_id, 0))
                if voice is not None:
                    is_whole = len(shares) == 1 and len(owners) == 1 and _covers(owners[0], source)
                    voice.parts.append((source, None if is_whole else self._ranges(spans)))
            if not shares and mine:
                unknown.append(Voice(None, [(source, None)]))
        return [voice for voice in [*voices.values(), *unknown] if voice.parts]

    def _ranges(self, spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
        return [(to_samples(a), to_samples(b)) for s in spans for a, b in self._line.clip(*s)]

    def _write_told(self, segments: list[Segment]) -> None:
        with_ids = self._context.with_user_ids
        if segments:
            self._text("diarization.jsonl", "diarization", diarization_jsonl(segments, with_user_ids=with_ids))
            self._text("speakers.json", "speakers", speakers_json(segments))
        messages = self._build.chat.messages()
        if messages:
            self._text("chat_messages.json", "chat_messages", chat_json(messages, self._people, with_user_ids=with_ids))
        self._write_captions(segments)
        if self._people:
            rows = [asdict(entry) for entry in self._participants(segments)]
            self._text("participants.json", "participants", json.dumps(rows, ensure_ascii=False, indent=1) + "\n")
        for name, at_ns in self._build.screenshots:
            self._add(name, "screenshot", at_s=self._relative_s(at_ns))

    def _write_captions(self, segments: list[Segment]) -> None:
        names = {pid: person.name for person in self._people for pid in person.participant_ids}
        runs = caption_runs(self._build.captions.lines(), self._line)
        for name, text in (
            ("captions.vtt", captions_vtt(runs, names)),
            ("captions.json", captions_json(said_runs(runs, names, segments))),
        ):
            if text is not None:
                self._text(name, "captions", text)

    def _manifest(self, segments: list[Segment]) -> Manifest:
        build, meta, start_ns = self._build, self._build.meta, self._line.start_ns
        return Manifest(
            bot_id=self._context.bot_id or (meta.bot_id if meta else ""),
            platform=self._context.platform or (meta.platform if meta else ""),
            bot_name=self._context.bot_name,
            tape_version=meta.version if meta else TAPE_VERSION,
            takes=len(build.takes),
            segments=build.segment_count,
            started_at=None if start_ns is None else utc_time(start_ns),
            duration_s=self._duration_s,
            files=self._files,
            participants=self._participants(segments),
            capture=self._capture(),
            gaps=self._gaps(),
            quality=self._quality(),
        )

    def _participants(self, segments: list[Segment]) -> list[ParticipantEntry]:
        return [_participant(person, segments) for person in self._people]

    def _capture(self) -> list[CaptureEntry]:
        return [
            CaptureEntry(s.take, s.medium, s.rung, self._relative_s(s.start_ns), self._relative_s(s.end_ns), s.why)
            for s in self._build.capture.spans
        ]

    def _gaps(self) -> list[GapEntry]:
        spans = [(gap.reason.value, gap.start_ns, gap.end_ns) for gap in self._build.gaps]
        spans += [("new_take", bridge.start_ns, bridge.end_ns) for bridge in self._line.bridges]
        spans += [("paused", start_ns, end_ns) for start_ns, end_ns in self._line.pauses()]
        ordered = sorted(spans, key=lambda span: span[1:])
        return [GapEntry(reason, self._relative_s(a), self._relative_s(b)) for reason, a, b in ordered]

    def _quality(self) -> Quality:
        sound = self._build.sound
        if sound is None:
            return Quality(damage=self._build.damage)
        lost_ns = sum(to_ns(source.lost_samples) for _, source in self._sources)
        return Quality(
            lost_audio_s=round(lost_ns / _NS, 3),
            late_packets=sound.late_packets,
            duplicate_packets=sound.duplicate_packets,
            broken_packets=sound.desk.broken_packets,
            damage=self._build.damage,
        )

    @property
    def _duration_s(self) -> float:
        return round(self._total / 48_000, 3)

    def _relative_s(self, at_ns: int) -> float:
        zero_ns = self._line.start_ns or (self._build.meta.started_ns if self._build.meta else at_ns)
        return round((at_ns - zero_ns) // _MS / 1000, 3)

    def _text(self, name: str, kind: str, text: str) -> None:
        write_whole(self._directory / name, text.encode())
        self._add(name, kind)

    def _add(
        self,
        name: str,
        kind: str,
        *,
        duration_s: float | None = None,
        at_s: float | None = None,
        speaker: str | None = None,
        user_id: int | None = None,
    ) -> None:
        entry = describe_file(
            self._directory, name, kind, duration_s=duration_s, at_s=at_s, speaker=speaker, user_id=user_id
        )
        self._files.append(entry)


def _shares(owners: list[Owned], claims: list[Claim]) -> dict[str, list[tuple[int, int]]]:
    """Which spans of a source are whose: by ownership, else span by span as claimed."""
    shares: dict[str, list[tuple[int, int]]] = {}
    for owner in owners:
        shares.setdefault(owner.participant_id, []).append((owner.start_ns, owner.end_ns))
    if owners:
        return shares
    for claim in claims:
        if claim.participant_id is not None:
            shares.setdefault(claim.participant_id, []).append((claim.start_ns, claim.end_ns))
    return shares


def _covers(owner: Owned, source: AudioSource) -> bool:
    first_ns = source.desk.origin_ns + to_ns(source.first or 0)
    last_ns = source.desk.origin_ns + to_ns(source.last)
    return owner.start_ns <= first_ns and last_ns < owner.end_ns


def _participant(person: Person, segments: list[Segment]) -> ParticipantEntry:
    return ParticipantEntry(
        person.user_id,
        person.name,
        person.participant_ids,
        person.is_host,
        utc_time(person.first_ns),
        utc_time(person.last_ns),
        speaking_s(segments, person.user_id),
    )
