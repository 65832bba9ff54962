"""Carries the ladder's decisions out: commands to the scripts, and spans for the tape."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from meetfleet.browser.probe.ladder import AudioLadder, Plan
from meetfleet.browser.probe.script_link import ScriptLink
from meetfleet.browser.probe.tracks import TrackBook
from meetfleet.tape.records import CaptureSpan, Rung, TrackKind

SpanHandler = Callable[[CaptureSpan, int], None]
SECOND = 1_000_000_000
NO_VIDEO_S = 8.0
VIDEO_BACK_S = 3.0


@dataclass(slots=True)
class _Told:
    """What a script was told last."""

    arm: tuple[bool, bool] = (False, False)
    starve: bool = False
    page: bool = False
    raw: frozenset[str] = frozenset()
    muted: frozenset[int] = frozenset()


class AudioConductor:
    """Brings every script into the state that the ladder wants, also after it was away."""

    def __init__(
        self, rungs: tuple[Rung, ...], book: TrackBook, on_span: SpanHandler, *, may_starve: bool = True
    ) -> None:
        self.ladder = AudioLadder(rungs)
        self._may_encode = Rung.ENCODED in rungs
        self._may_starve = may_starve
        self._book = book
        self._on_span = on_span
        self._told: dict[str, _Told] = {}
        self._rung: Rung | None = None

    def forget(self, link: ScriptLink) -> None:
        """The script is back from a break, or new: it gets everything anew."""
        self._told.pop(link.instance, None)

    def heard_first(self, at_ns: int) -> None:
        """The first sound on the tape: its rung is told."""
        if self._rung is None:
            plan = self.ladder.decide(at_ns)
            self._tell_rung(plan, at_ns)

    def conduct(self, links: Iterable[ScriptLink], now_ns: int) -> None:
        """Call it a few times a second."""
        plan = self.ladder.decide(now_ns)
        for link in links:
            if link.is_connected:
                self._instruct(link, plan)
        if self._rung is not None and plan.rung is not self._rung:
            self._tell_rung(plan, plan.since_ns)
        elif self._rung is None and plan.rung is not Rung.ENCODED:
            self._tell_rung(plan, plan.since_ns or now_ns)

    def _tell_rung(self, plan: Plan, at_ns: int) -> None:
        self._rung = plan.rung
        self._on_span(CaptureSpan(TrackKind.AUDIO, plan.rung, plan.why), at_ns)

    def _instruct(self, link: ScriptLink, plan: Plan) -> None:
        told = self._told.setdefault(link.instance, _Told())
        since_ms = link.clock.to_page_ms(plan.since_ns)
        arm = (plan.arm_raw, plan.arm_page)
        page = plan.rung is Rung.PAGE
        muted = self._muted(link, plan)
        starve = plan.starve and self._may_starve
        if starve != told.starve:
            link.command("ear", starve=starve)
        if page != told.page:
            link.command("encoded", on=not page and self._may_encode)
            link.command("page", on=page, since=since_ms)
        for key in plan.raw ^ told.raw:
            if (receiver := link.receiver_of(key)) is not None:
                link.command("raw", receiver=receiver, on=key in plan.raw, since=since_ms)
        for local_id in muted ^ told.muted:
            link.command("encoded", track=local_id, on=local_id not in muted and self._may_encode)
        if arm != told.arm:
            link.command("arm", raw=arm[0], page=arm[1])
        self._told[link.instance] = _Told(arm, starve, page, plan.raw, muted)

    def _muted(self, link: ScriptLink, plan: Plan) -> frozenset[int]:
        """The script's encoded tracks that a raw track replaces."""
        states = (self._book.encoded_of(key) for key in plan.raw)
        return frozenset(s.local_id for s in states if s and s.link is link)


class PictureConductor:
    """Video: packets if there are any; the page's canvas or a film of the tab if it shows pictures without them."""

    def __init__(self, on_span: SpanHandler, film: Callable[[bool], None]) -> None:
        self._on_span = on_span
        self._film = film
        self._rung: Rung | None = None
        self._last_packet_ns: int | None = None
        self._flow_since_ns: int | None = None
        self._shown_since_ns: int | None = None

    def packets(self, at_ns: int) -> None:
        """Encoded video frames came."""
        if self._last_packet_ns is None or at_ns - self._last_packet_ns > SECOND:
            self._flow_since_ns = at_ns
        self._last_packet_ns = at_ns
        if self._rung is None:
            self._tell(Rung.ENCODED, at_ns, "packets arrive")

    def shown(self, pictures: int, now_ns: int) -> None:
        """The page shows that many moving pictures which come from no receiver."""
        if not pictures:
            self._shown_since_ns = None
        elif self._shown_since_ns is None:
            self._shown_since_ns = now_ns

    def conduct(self, now_ns: int) -> None:
        quiet = self._last_packet_ns is None or now_ns - self._last_packet_ns > NO_VIDEO_S * SECOND
        shown = self._shown_since_ns is not None and now_ns - self._shown_since_ns > NO_VIDEO_S * SECOND
        if self._rung is not Rung.PAGE and quiet and shown:
            self._tell(Rung.PAGE, now_ns, "the page shows pictures that no receiver has")
            self._film(True)
        elif self._rung is Rung.PAGE and not quiet and self._flows_for(now_ns) > VIDEO_BACK_S:
            self._tell(Rung.ENCODED, now_ns, "packets arrive")
            self._film(False)

    def _flows_for(self, now_ns: int) -> float:
        return 0.0 if self._flow_since_ns is None else (now_ns - self._flow_since_ns) / SECOND

    def _tell(self, rung: Rung, at_ns: int, why: str) -> None:
        self._rung = rung
        self._on_span(CaptureSpan(TrackKind.VIDEO, rung, why), at_ns)
