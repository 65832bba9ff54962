"""From claims on the meeting clock to the segments of the recording that users get."""

import json
from dataclasses import dataclass, replace

from meetfleet.artifacts.attribution import Claim
from meetfleet.artifacts.recording_line import RecordingLine
from meetfleet.artifacts.roster_book import Person
from meetfleet.tape.records import Evidence

UNKNOWN_SPEAKER = "Unknown speaker"
_NS = 1_000_000_000
_JOIN_NS = 500_000_000
_LEAST_NS = 80_000_000


@dataclass(frozen=True, slots=True)
class Segment:
    """One person speaks, pauses between words included.

    Attributes:
        user_id: None if nobody knows who it is.
        start_ns: From the recording's start.
        evidence: What names the speaker: the weakest that was needed for this segment.
        confidence: 0 to 1, of the name.
    """

    speaker: str
    user_id: int | None
    participant_id: str | None
    start_ns: int
    end_ns: int
    evidence: Evidence | None
    confidence: float


def segments_of(claims: list[Claim], people: list[Person], self_ids: set[str], line: RecordingLine) -> list[Segment]:
    """Joins the claims of each person where less than half a second lies between, cuts pauses out, and sorts."""
    by_id = {pid: person for person in people for pid in person.participant_ids}
    unknown: dict[str, str] = {}
    tracks: dict[str, list[Segment]] = {}
    for claim in claims:
        if claim.participant_id in self_ids:
            continue
        person = by_id.get(claim.participant_id or "")
        key = f"person {person.user_id}" if person else f"source {claim.source}"
        name = (person.name if person else "") or unknown.setdefault(key, _unknown_name(len(unknown)))
        for start_ns, end_ns in line.clip(claim.start_ns, claim.end_ns):
            segment = Segment(
                name,
                person.user_id if person else None,
                claim.participant_id if person else None,
                start_ns,
                end_ns,
                claim.evidence if person else None,
                claim.confidence if person else 0.0,
            )
            tracks.setdefault(key, []).append(segment)
    joined = [segment for track in tracks.values() for segment in _join(track)]
    kept = [segment for segment in joined if segment.end_ns - segment.start_ns >= _LEAST_NS]
    return sorted(kept, key=lambda s: (s.start_ns, s.end_ns, s.speaker))


def _unknown_name(earlier: int) -> str:
    return UNKNOWN_SPEAKER if not earlier else f"{UNKNOWN_SPEAKER} {earlier + 1}"


def _join(segments: list[Segment]) -> list[Segment]:
    out: list[Segment] = []
    for segment in sorted(segments, key=lambda s: (s.start_ns, s.end_ns)):
        last = out[-1] if out else None
        if last is None or segment.start_ns - last.end_ns >= _JOIN_NS:
            out.append(segment)
            continue
        weaker = min(last, segment, key=lambda s: s.confidence)
        end_ns = max(last.end_ns, segment.end_ns)
        out[-1] = replace(last, end_ns=end_ns, evidence=weaker.evidence, confidence=weaker.confidence)
    return out


def diarization_jsonl(segments: list[Segment], *, with_user_ids: bool = True) -> str:
    """One JSON object a line: speaker, start_time, end_time in seconds, and user_id where the speaker is known."""
    lines: list[str] = []
    for segment in segments:
        line: dict[str, object] = {
            "speaker": segment.speaker,
            "start_time": round(segment.start_ns / _NS, 3),
            "end_time": round(segment.end_ns / _NS, 3),
        }
        if with_user_ids and segment.user_id is not None:
            line["user_id"] = segment.user_id
        lines.append(json.dumps(line, ensure_ascii=False) + "\n")
    return "".join(lines)


def speakers_json(segments: list[Segment]) -> str:
    """The same segments with what names each speaker, for who wants to judge."""
    rows = [
        {
            "speaker": s.speaker,
            "user_id": s.user_id,
            "participant_id": s.participant_id,
            "start_time": round(s.start_ns / _NS, 3),
            "end_time": round(s.end_ns / _NS, 3),
            "evidence": s.evidence.value if s.evidence else None,
            "confidence": s.confidence,
        }
        for s in segments
    ]
    return json.dumps({"version": 1, "segments": rows}, ensure_ascii=False, indent=1) + "\n"


def timeline_json(claims: list[Claim], line: RecordingLine) -> str:
    """What a renderer needs, in nanoseconds on the meeting clock: `recorded` spans and `turns` of participants."""
    turns: dict[str, list[list[int]]] = {}
    for claim in claims:
        if claim.participant_id is None:
            continue
        mine = turns.setdefault(claim.participant_id, [])
        if mine and claim.start_ns - mine[-1][1] < _JOIN_NS:
            mine[-1][1] = max(mine[-1][1], claim.end_ns)
        else:
            mine.append([claim.start_ns, claim.end_ns])
    rows = sorted((start, end, who) for who, spans in turns.items() for start, end in spans)
    recorded = [[span.start_ns, span.end_ns] for span in line.spans]
    return json.dumps({"recorded": recorded, "turns": [[who, start, end] for start, end, who in rows]}) + "\n"


def speaking_s(segments: list[Segment], user_id: int) -> float:
    """How long a person spoke, in seconds."""
    return round(sum(s.end_ns - s.start_ns for s in segments if s.user_id == user_id) / _NS, 3)
