"""What the platform and its captions said about who speaks, as spans of time."""

from dataclasses import dataclass, field

from meetfleet.tape.records import Evidence, Speaking

_LONGEST_NS = 60_000_000_000  # a signal whose end was lost counts no longer
_HANDOVER_NS = 1_200_000_000


@dataclass(frozen=True, slots=True)
class SignalSpan:
    """Somebody is said to speak, on the meeting clock."""

    start_ns: int
    end_ns: int
    participant_id: str


@dataclass(slots=True)
class SpeakingBook:
    """Fed with signals in order of time."""

    _open: dict[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])
    _spans: dict[str, list[SignalSpan]] = field(default_factory=dict[str, list[SignalSpan]])

    def see(self, at_ns: int, signal: Speaking) -> None:
        key = signal.evidence, signal.participant_id
        if signal.speaking:
            self._open.setdefault(key, at_ns)
        elif key in self._open:
            self._close(key, at_ns)

    def see_caption(self, start_ns: int, end_ns: int, participant_id: str) -> None:
        """A caption of this participant grew from `start_ns` to `end_ns`."""
        self._spans.setdefault(Evidence.CAPTION, []).append(SignalSpan(start_ns, end_ns, participant_id))

    def end_take(self, last_ns: int) -> None:
        """Signals do not outlive the take."""
        for key in list(self._open):
            self._close(key, last_ns)

    def spans(self, evidence: str) -> list[SignalSpan]:
        """The spans of one kind of evidence in order.

        Platforms let a mark fade for a second after somebody stopped. Where another begins to speak within that
        second, the first one's span ends there.
        """
        spans = sorted(self._spans.get(evidence, []), key=lambda s: (s.start_ns, s.participant_id))
        return [_cut_fading(span, spans, index) for index, span in enumerate(spans)]

    def _close(self, key: tuple[str, str], at_ns: int) -> None:
        evidence, participant_id = key
        start_ns = self._open.pop(key)
        span = SignalSpan(start_ns, min(at_ns, start_ns + _LONGEST_NS), participant_id)
        self._spans.setdefault(evidence, []).append(span)


def _cut_fading(span: SignalSpan, spans: list[SignalSpan], index: int) -> SignalSpan:
    for other in spans[index + 1 :]:
        if other.start_ns >= span.end_ns:
            break
        fades = span.end_ns - other.start_ns <= _HANDOVER_NS and other.end_ns > span.end_ns
        if fades and other.participant_id != span.participant_id and other.start_ns > span.start_ns:
            return SignalSpan(span.start_ns, other.start_ns, span.participant_id)
    return span
