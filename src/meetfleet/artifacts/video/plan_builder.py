"""From what the tape says about people and tracks to a plan of the video. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from meetfleet.artifacts.video.director import Shot
from meetfleet.artifacts.video.plan import Camera, Person, Share, TrackKey, VideoPlan
from meetfleet.artifacts.video.spans import Span, intersection, union
from meetfleet.artifacts.video.track_decoder import DECODERS
from meetfleet.artifacts.video.track_index import STUCK_NS, TrackIndex, extended
from meetfleet.tape.records import Participant, Roster, Rung, SourceRef, TrackInfo, TrackKind

LOOKED_BACK_NS = 60_000_000_000
STILL_SCREEN_NS = 10_000_000_000


@dataclass(slots=True)
class VideoTrack:
    """What a first pass over the tape found out about a video track.

    Attributes:
        csrcs: From which moment which contributing source its frames named (0 none).
    """

    info: TrackInfo
    index: TrackIndex = field(default_factory=TrackIndex)
    csrcs: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])

    def sourced(self, csrc: int, until_ns: int) -> list[Span]:
        """When the frames came from this contributing source."""
        ends = [at_ns for at_ns, _ in self.csrcs[1:]] + [until_ns]
        return union(
            Span(at_ns, end_ns) for (at_ns, named), end_ns in zip(self.csrcs, ends, strict=True) if named == csrc
        )


@dataclass(frozen=True, slots=True)
class RosterSeen:
    """The roster at a moment of a take."""

    take: int
    at_ns: int
    roster: Roster


@dataclass(frozen=True, slots=True)
class _Claim:
    """A participant owns a track for a while."""

    participant_id: str
    is_screen: bool
    is_off: bool
    span: Span


def build_plan(
    rosters: Sequence[RosterSeen],
    tracks: Mapping[TrackKey, VideoTrack],
    shots: Iterable[Shot],
    recorded: Sequence[Span],
) -> VideoPlan:
    """Decides who is there and which track shows whom or what.

    Args:
        rosters: In order.
        shots: Who has the floor; the bot itself is left out.
        recorded: What the video holds.
    """
    end_ns = max([span.end_ns for span in recorded], default=0)
    people = _people(rosters, end_ns)
    myself = {p.participant_id for seen in rosters for p in seen.roster.participants if p.is_self}
    known = {track: seen for track, seen in tracks.items() if seen.info.codec in DECODERS}
    cameras: list[Camera] = []
    shares: list[Share] = []
    strangers: list[tuple[Person, Camera]] = []
    for key, track in known.items():
        if track.info.rung == Rung.PAGE:
            continue
        claims = [claim for claim in _claims(key, track, rosters, end_ns) if claim.participant_id not in myself]
        cameras.extend(_cameras(key, track, claims))
        shares.extend(_shares(key, track, claims))
        strangers.extend(_stranger(key, track, claims))
    pages = tuple(
        (key, tuple(track.index.live(STILL_SCREEN_NS))) for key, track in known.items() if track.info.rung == Rung.PAGE
    )
    return VideoPlan(
        recorded=tuple(recorded),
        people=(*people, *(person for person, _ in strangers)),
        cameras=(*cameras, *(camera for _, camera in strangers)),
        shares=tuple(shares),
        pages=pages,
        shots=tuple(shot for shot in shots if shot.participant_id not in myself),
    )


def _people(rosters: Sequence[RosterSeen], end_ns: int) -> list[Person]:
    """Everybody but the bot, in the order of coming, under the last name they had."""
    present: dict[str, list[Span]] = {}
    names: dict[str, str] = {}
    for seen, until_ns in _with_ends(rosters, end_ns):
        for participant in seen.roster.participants:
            if not participant.is_self:
                present.setdefault(participant.participant_id, []).append(Span(seen.at_ns, until_ns))
                names[participant.participant_id] = participant.name or names.get(participant.participant_id, "")
    return [Person(who, names[who], tuple(union(spans))) for who, spans in present.items()]


def _with_ends(rosters: Sequence[RosterSeen], end_ns: int) -> Iterable[tuple[RosterSeen, int]]:
    ends = [seen.at_ns for seen in rosters[1:]] + [max(end_ns, rosters[-1].at_ns if rosters else 0)]
    return zip(rosters, ends, strict=True)


def _claims(key: TrackKey, track: VideoTrack, rosters: Sequence[RosterSeen], end_ns: int) -> list[_Claim]:
    """Who owned the track when, as the rosters of its take name it. The first owner had it before the roster knew."""
    claims: list[_Claim] = []
    for seen, until_ns in _with_ends([seen for seen in rosters if seen.take == key.take], end_ns):
        for participant in seen.roster.participants:
            for source in participant.sources:
                claims.extend(_claim(key, track, participant, source, Span(seen.at_ns, until_ns)))
    claims.sort(key=lambda c: c.span.start_ns)
    if claims:
        first = claims[0]
        early = Span(first.span.start_ns - LOOKED_BACK_NS, first.span.end_ns)
        claims[0] = _Claim(first.participant_id, first.is_screen, first.is_off, early)
    return claims


def _claim(
    key: TrackKey, track: VideoTrack, participant: Participant, source: SourceRef, span: Span
) -> Iterable[_Claim]:
    if source.kind != TrackKind.VIDEO:
        return
    by_id = source.track_id == key.track_id
    by_stream = source.stream_id is not None and source.stream_id == track.info.stream_id
    if by_id or by_stream:
        spans = [span]
    elif source.csrc:
        spans = intersection([span], track.sourced(source.csrc, span.end_ns))
    else:
        return
    is_screen = source.is_screen or track.info.is_screen
    for one in spans:
        yield _Claim(participant.participant_id, is_screen, source.muted, one)


def _cameras(key: TrackKey, track: VideoTrack, claims: list[_Claim]) -> Iterable[Camera]:
    live = track.index.live(STUCK_NS)
    for who in dict.fromkeys(claim.participant_id for claim in claims):
        theirs = union(c.span for c in claims if c.participant_id == who and not c.is_screen and not c.is_off)
        if spans := intersection(live, theirs):
            yield Camera(who, key, tuple(spans))


def _shares(key: TrackKey, track: VideoTrack, claims: list[_Claim]) -> Iterable[Share]:
    if not claims and track.info.is_screen:
        yield Share("", key, tuple(track.index.live(STILL_SCREEN_NS)))
    for who in dict.fromkeys(claim.participant_id for claim in claims if claim.is_screen):
        theirs = union(c.span for c in claims if c.participant_id == who and c.is_screen and not c.is_off)
        live = union(extended(track.index.live(STILL_SCREEN_NS), [span.end_ns for span in theirs]))
        if spans := intersection(live, theirs):
            yield Share(who, key, tuple(spans))


def _stranger(key: TrackKey, track: VideoTrack, claims: list[_Claim]) -> Iterable[tuple[Person, Camera]]:
    """A camera that no roster ever named is shown without a name: unknown beats wrong."""
    live = tuple(track.index.live(STUCK_NS))
    if live and not claims and not track.info.is_screen:
        who = f"track:{key.take}.{key.track_id}"
        yield Person(who, "", live), Camera(who, key, live)
