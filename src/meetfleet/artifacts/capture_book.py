"""Which rung of the capture ladder served which medium when, from the frames themselves."""

from dataclasses import dataclass, field

from meetfleet.tape.records import CaptureSpan, TrackInfo


@dataclass(slots=True)
class RungSpan:
    """Frames of one rung, on the meeting clock."""

    take: int
    medium: str
    rung: str
    start_ns: int
    end_ns: int
    why: str = ""


@dataclass(slots=True)
class CaptureBook:
    """Fed with frames and decisions in order of time; a new span begins where the rung of a medium changes."""

    spans: list[RungSpan] = field(default_factory=list[RungSpan])
    _why: dict[tuple[str, str], str] = field(default_factory=dict[tuple[str, str], str])

    def see_decision(self, decision: CaptureSpan) -> None:
        self._why[decision.medium, decision.rung] = decision.why

    def see_frames(self, take: int, info: TrackInfo, first_ns: int, last_ns: int) -> None:
        span = self._current(take, info)
        if span is None:
            why = self._why.get((info.kind, info.rung), "")
            span = RungSpan(take, info.kind, info.rung, first_ns, last_ns, why)
            self.spans.append(span)
        span.end_ns = max(span.end_ns, last_ns)

    def _current(self, take: int, info: TrackInfo) -> RungSpan | None:
        """The rung's latest span, unless another rung has taken over since. Two may serve at once for a while."""
        began_ns = 0
        for span in reversed(self.spans):
            if span.take != take or span.medium != info.kind:
                continue
            if span.rung == info.rung:
                return span if span.end_ns >= began_ns else None
            began_ns = max(began_ns, span.start_ns)
        return None
