"""Bots in a real Chromium against the Google Meet replica: one stay per scenario, several at a time in one browser."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from meetfleet.bot import course_rules
from meetfleet.bot.course_rules import CourseRules
from meetfleet.bot.process import BotProcess, ExitCode
from meetfleet.browser.chromium import Chromium
from meetfleet.browser.flags import BrowserOptions
from meetfleet.domain.end_reason import EndReason
from meetfleet.domain.link import BotSpec, RecordingMode, Timeouts
from meetfleet.lab.lab import Lab
from meetfleet.lab.room import Room
from meetfleet.lab.script import ChatLine, Line, Media, Person, RoomScript, Share
from meetfleet.platforms.screen import ScreenKind
from meetfleet.tape.records import (
    Caption,
    CaptureSpan,
    ChatMessage,
    Participant,
    Roster,
    Screenshot,
    Speaking,
    StateSeen,
)
from meetfleet.tape.tape import Tape
from meetfleet.testing.link import FakeControlPlane, fake_control_plane

pytestmark = [pytest.mark.lab, pytest.mark.slow]

AT_ONCE = 4
PATIENCE_S = 90  # of the tests, for machines that are busy with other things
BOT = "Notetaker"
ANN, BEN = "Ann Lee", "Ben Okafor"
HOST, GUEST = Person(ANN, host=True, camera=False), Person(BEN, camera=False)
ROOM = RoomScript(
    people=(HOST, GUEST),
    conversation=(
        Line("Good morning, shall we begin with the numbers?", ANN, at=1.0),
        Line("Yes, they look better than last month.", BEN),
        Line("Then let us go through them one by one.", ANN),
    ),
    loop=True,
    duration_s=120,
    media=Media(cameras=False),
)


# A busy machine is slow to answer; only where the page is to freeze or to lose the network do we give up soon.
RULES = CourseRules(freeze_s=60, reconnect_s=60, early_removal_s=10, retry_pause_s=0.2)
IMPATIENT = replace(RULES, freeze_s=9, reconnect_s=12)


@dataclass
class Run:
    """One bot's stay, while it runs and after."""

    room: Room
    control: FakeControlPlane
    bot: BotProcess
    folder: Path
    exit_code: ExitCode | None = None

    @property
    def states(self) -> list[str]:
        return [data["state"] for data in self.control.of("state")]

    @property
    def end(self) -> dict[str, Any]:
        return self.control.of("state")[-1]

    @property
    def reason(self) -> EndReason:
        return EndReason(self.end["reason"])

    async def until_state(self, state: str, timeout_s: float = PATIENCE_S) -> None:
        await self.until(lambda: state in self.states, timeout_s)

    async def until(self, condition: Callable[[], bool], timeout_s: float = PATIENCE_S) -> None:
        await self.control.until(lambda: condition() or "processing" in self.states, timeout_s)

    def leave(self) -> None:
        self.order("leave")

    def order(self, kind: str, **data: Any) -> int:
        seq = len(self.control.orders) + 1
        self.control.order(seq=seq, type=kind, data=data)
        return seq

    def records(self, kind: type) -> list[Any]:
        return [r for m in self._messages() if isinstance(r := getattr(m, "record", None), kind)]

    def audio_frames(self) -> list[Any]:
        return [f for m in self._messages() for f in getattr(m, "frames", ()) if f.kind == 0]

    def _messages(self) -> list[Any]:
        return list(Tape.open(self.folder / "tape").messages())

    def people(self) -> dict[str, Participant]:
        """Everybody who was ever on the roster, in the latest version."""
        return {p.name: p for roster in self.records(Roster) for p in roster.participants}

    def kinds_before(self, event: dict[str, Any]) -> set[str]:
        """What had happened in the same visit before an event."""
        events = self.room.truth(sent=False)["events"]
        return {e["type"] for e in events if e["n"] < event["n"] and e["visit"] == event["visit"]}

    def events(self, kind: str) -> list[Any]:
        return [e for e in self.room.truth(sent=False)["events"] if e["type"] == kind]


Drive = Callable[[Run], Awaitable[None]]


async def record_and_leave(run: Run) -> None:
    await run.until_state("recording")
    await run.until(lambda: run.bot.stay.recorder.figures()["frames"] > 50)
    run.leave()


async def just_watch(run: Run) -> None:
    """The scenario ends the stay by itself."""


@dataclass(frozen=True)
class Case:
    """A scenario of the lab, the bot's spec in it, and what is done meanwhile."""

    scenario: str | None = None
    drive: Drive = record_and_leave
    room: RoomScript = ROOM
    spec: dict[str, Any] = field(default_factory=dict)
    rules: CourseRules = RULES


def watched(scenario: str, **timeouts: float) -> Case:
    return Case(scenario, just_watch, spec={"timeouts": Timeouts(**timeouts)})


async def chat_and_pause(run: Run) -> None:
    await run.until_state("recording")
    await run.until(lambda: any(c["name"] == BEN for c in run.control.of("chat")))
    run.order("chat", text="Hello from the bot")
    await run.until(lambda: any(c["text"] == "Hello from the bot" for c in run.control.of("chat")))
    run.order("pause")
    await run.until_state("paused")
    await run.room.do("chat", who=BEN, text="off the record")
    await asyncio.sleep(1)
    run.order("resume")
    await run.until(lambda: run.states[-1] == "recording")
    await run.room.do("chat", who=BEN, text="on the record")
    await run.until(lambda: any(c["text"] == "on the record" for c in run.control.of("chat")))
    run.leave()


async def chat_order_and_leave(run: Run) -> None:
    await run.until_state("recording")
    run.order("chat", text="anybody?")
    await run.until(lambda: bool(run.control.of("command_done")))
    run.leave()


async def hear_captions(run: Run) -> None:
    await run.until_state("recording")
    await asyncio.sleep(12)
    run.leave()


async def for_ten_seconds(run: Run) -> None:
    await run.until_state("recording")
    await asyncio.sleep(10)
    run.leave()


async def through_the_blip(run: Run) -> None:
    await run.until_state("recording")
    await run.until(lambda: any(s["name"] == "reconnecting" for s in run.control.of("screen")))
    await run.until(lambda: run.control.of("screen")[-1]["name"] == "call")
    run.leave()


async def until_alone(run: Run) -> None:
    await run.until_state("recording")
    await run.until(lambda: ANN in [p["name"] for e in run.control.of("participants") for p in e["participants"]])


async def ask_to_leave_the_lobby(run: Run) -> None:
    await run.until_state("waiting_room")
    run.leave()


JOINS = [
    "lobby",
    "join_now",
    "ask_anyway",
    "join_anyway",
    "join_the_call_now",
    "join_here_too",
    "switch_here",
    "decoy_buttons",
    "late_name",
    "device_prompt",
    "promo",
    "toast",
    "invisible_captcha",
    "host_managed_lobby",
    "german",
    "straight_apostrophe",
    "typographic_apostrophe",
    "blocked_once",
    "recording_consent",
    "gemini_pill",
    "alert_toast",
    "others_may_see",
    "toolbar_stays",
    "unread_chat",
    "people_badge",
    "captions_off",
    "leave_confirm",
]

ENDS: dict[str, tuple[Case, EndReason]] = {
    "not_found": (watched("not_found"), EndReason.MEETING_NOT_FOUND),
    "expired": (watched("expired"), EndReason.MEETING_NOT_FOUND),
    "code_does_not_work": (watched("code_does_not_work"), EndReason.MEETING_NOT_FOUND),
    "invalid_name": (watched("invalid_name"), EndReason.MEETING_NOT_FOUND),
    "sign_in": (watched("sign_in"), EndReason.LOGIN_REQUIRED),
    "sign_in_redirect": (watched("sign_in_redirect"), EndReason.LOGIN_REQUIRED),
    "redirect_away": (watched("redirect_away"), EndReason.CANNOT_JOIN_MEETING),
    "blocked": (watched("blocked"), EndReason.BLOCKED_BY_PLATFORM),
    "blocked_after_ask": (watched("blocked_after_ask"), EndReason.BLOCKED_BY_PLATFORM),
    "visible_captcha": (watched("visible_captcha"), EndReason.BLOCKED_BY_PLATFORM),
    "denied": (watched("denied"), EndReason.BOT_NOT_ACCEPTED),
    "no_answer": (watched("no_answer"), EndReason.WAITING_ROOM_TIMEOUT),
    "never_admitted": (watched("never_admitted", waiting_room_s=4), EndReason.WAITING_ROOM_TIMEOUT),
    "host_absent": (watched("host_absent", waiting_room_s=4), EndReason.WAITING_FOR_HOST_TIMEOUT),
    "left the lobby on request": (Case("never_admitted", ask_to_leave_the_lobby), EndReason.STOPPED_BEFORE_RECORD),
    "removed_early": (watched("removed_early"), EndReason.BOT_REMOVED_TOO_EARLY),
    "removed_later": (watched("removed_later"), EndReason.BOT_REMOVED),
    "host_ends": (watched("host_ends"), EndReason.MEETING_ENDED),
    "call_ends": (watched("call_ends"), EndReason.MEETING_ENDED),
    "freeze": (Case("freeze", just_watch, rules=IMPATIENT), EndReason.NETWORK_LOSS),
    "network_gone": (Case("network_gone", just_watch, rules=IMPATIENT), EndReason.NETWORK_LOSS),
    "nobody joins": (
        Case(None, just_watch, RoomScript(), {"timeouts": Timeouts(no_one_joined_s=4)}),
        EndReason.NO_ATTENDEES,
    ),
    "everyone leaves": (
        Case(
            None,
            just_watch,
            replace(ROOM, people=(replace(HOST, leaves_at=5), replace(GUEST, leaves_at=6))),
            {"timeouts": Timeouts(everyone_left_s=3)},
        ),
        EndReason.NO_ATTENDEES,
    ),
    "an ignored participant stays": (
        Case(
            None,
            just_watch,
            replace(ROOM, people=(replace(HOST, leaves_at=5), GUEST)),
            {"timeouts": Timeouts(everyone_left_s=3), "ignored_participant_names": (BEN.upper(),)},
        ),
        EndReason.NO_ATTENDEES,
    ),
    "nobody speaks": (
        Case(None, just_watch, replace(ROOM, conversation=()), {"timeouts": Timeouts(silence_s=5)}),
        EndReason.NO_SPEAKER,
    ),
    "longest recording": (
        Case(None, just_watch, spec={"timeouts": Timeouts(max_recording_s=5)}),
        EndReason.RECORDING_TIMEOUT,
    ),
}

SHARING = replace(ROOM, shares=(Share(ANN, 3.0, 12.0),))
CHATTING = replace(ROOM, chat=(ChatLine(2.0, BEN, "the link is in the invitation"),))
SPECIAL: dict[str, Case] = {
    "chat": Case(None, chat_and_pause, CHATTING, {"entry_message": "I take notes."}),
    "chat_disabled": Case("chat_disabled", chat_order_and_leave),
    "captions": Case(None, hear_captions),
    "captions_dom": Case("captions_dom", hear_captions),
    "malformed_collections": Case("malformed_collections", for_ten_seconds),
    "share": Case(None, for_ten_seconds, SHARING),
    "neteq": Case("neteq", for_ten_seconds),
    "worklet": Case("worklet", for_ten_seconds),
    "e2ee": Case("e2ee", for_ten_seconds),
    "packet_loss": Case("packet_loss", for_ten_seconds),
    "network_blip": Case("network_blip", through_the_blip),
    "audio_only": Case(None, record_and_leave, spec={"recording_mode": RecordingMode.AUDIO_ONLY}),
}
CASES: dict[str, Case] = {**{n: Case(n) for n in JOINS}, **{n: c for n, (c, _) in ENDS.items()}, **SPECIAL}


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def runs(request: pytest.FixtureRequest) -> AsyncIterator[Callable[[str], Awaitable[Run]]]:
    """Every selected case's stay, begun in the order of the tests, `AT_ONCE` at a time."""
    wanted = [i.callspec.params["name"] for i in request.session.items if i.path == request.path]  # type: ignore[attr-defined]
    turns = asyncio.Semaphore(AT_ONCE)
    async with AsyncExitStack() as stack:
        lab = await stack.enter_async_context(Lab())
        chromium = await Chromium.launch(BrowserOptions(extra_args=tuple(lab.chromium_args)))
        stack.push_async_callback(chromium.close)
        tasks = {n: asyncio.create_task(stay(CASES[n], lab, chromium, turns)) for n in dict.fromkeys(wanted)}
        yield lambda name: tasks[name]
        for task in tasks.values():
            task.cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)


async def stay(case: Case, lab: Lab, chromium: Chromium, turns: asyncio.Semaphore) -> Run:
    async with turns, fake_control_plane() as control:
        room = await lab.open_room(replace(case.room, scenario=case.scenario))
        folder = Path(tempfile.mkdtemp(prefix="meetfleet-test-"))
        spec = BotSpec(
            bot_id="b1",
            take=1,
            token=control.token,
            link_url=control.url,
            work_dir=str(folder),
            meeting_url=room.meeting_url,
            platform="google_meet",
            bot_name=BOT,
            **case.spec,
        )
        run = Run(room, control, BotProcess(spec, chromium, rules=case.rules), folder)
        life = asyncio.create_task(run.bot.run())
        try:
            async with asyncio.timeout(2 * PATIENCE_S - 20):
                await case.drive(run)
                run.exit_code = await life
        finally:
            life.cancel()
            await asyncio.gather(life, return_exceptions=True)
            await lab.close_room(room.code)
        return run


@pytest.fixture(scope="module", autouse=True)
def short_captcha_grace() -> AsyncIterator[None]:
    patch = pytest.MonkeyPatch()
    patch.setitem(course_rules.PATIENCE_S, ScreenKind.CAPTCHA, 4.0)
    yield
    patch.undo()


Runs = Callable[[str], Awaitable[Run]]


@pytest.mark.parametrize("name", JOINS)
async def test_the_bot_gets_in_records_and_leaves_on_request(name: str, runs: Runs) -> None:
    run = await runs(name)
    assert run.reason is EndReason.API_REQUEST, run.end
    assert run.exit_code is ExitCode.DELIVERED
    assert "recording" in run.states
    asked = [e for e in run.events("join_clicked") if e["visit"] == run.events("bot_admitted")[-1]["visit"]]
    assert [e["name"] for e in asked] == [BOT]
    assert {"microphone_off", "camera_off"} <= run.kinds_before(asked[0])
    people = run.people()
    assert people.keys() == {ANN, BEN, BOT}
    assert [p.name for p in people.values() if p.is_self] == [BOT]
    assert [p.name for p in people.values() if p.is_host] == [ANN]
    assert any(s.kind == "audio" and s.csrc for s in people[ANN].sources)
    assert run.audio_frames()
    assert run.records(Screenshot)
    assert run.events("bot_left")


@pytest.mark.parametrize("name", ENDS)
async def test_every_end_has_its_reason_and_its_evidence(name: str, runs: Runs) -> None:
    run = await runs(name)
    assert run.reason is ENDS[name][1], run.end
    assert run.exit_code is ExitCode.DELIVERED
    assert run.end["evidence"]["screen"] not in ("", "unknown")
    assert run.end["evidence"]["url"].startswith("https://")
    last = run.records(StateSeen)[-1]
    assert (last.state, last.reason) == ("leaving", run.reason)
    assert run.records(Screenshot)
    assert ("recording" in run.states) == (not run.reason.is_failure or run.reason in RECORDED_FAILURES)


RECORDED_FAILURES = {EndReason.BOT_REMOVED_TOO_EARLY, EndReason.NETWORK_LOSS}


@pytest.mark.parametrize("name", ["chat"])
async def test_chat_is_read_and_written_and_a_pause_leaves_nothing_on_the_tape(name: str, runs: Runs) -> None:
    run = await runs(name)
    said = [(m.name, m.text, m.is_self) for m in run.records(ChatMessage)]
    assert set(said) == {
        (BOT, "I take notes.", True),
        (BEN, "the link is in the invitation", False),
        (BOT, "Hello from the bot", True),
        (BEN, "on the record", False),
    }
    assert len(said) == 4
    assert [e["text"] for e in run.events("chat_received")] == ["I take notes.", "Hello from the bot"]


@pytest.mark.parametrize("name", ["chat_disabled"])
async def test_a_meeting_without_chat_is_told_and_the_stay_goes_on(name: str, runs: Runs) -> None:
    run = await runs(name)
    assert next((c["ok"], c["code"]) for c in run.control.of("command_done")) == (False, "chat_disabled")
    assert run.reason is EndReason.API_REQUEST


@pytest.mark.parametrize("name", ["captions", "captions_dom"])
async def test_captions_name_their_speaker_and_come_once(name: str, runs: Runs) -> None:
    run = await runs(name)
    latest: dict[str, Caption] = {}
    for caption in run.records(Caption):
        assert caption.caption_id not in latest or caption.version > latest[caption.caption_id].version
        latest[caption.caption_id] = caption
    spoken = [(c.name, c.text) for c in latest.values()]
    assert (ANN, "Good morning, shall we begin with the numbers?") in spoken
    assert (BEN, "Yes, they look better than last month.") in spoken
    assert len(spoken) == len(set(spoken)) or len(spoken) > 3
    people = run.people()
    assert all(c.participant_id == people[c.name].participant_id for c in latest.values())


@pytest.mark.parametrize("name", ["malformed_collections"])
async def test_a_roster_that_cannot_be_read_is_an_alarm_and_the_page_is_read_instead(name: str, runs: Runs) -> None:
    run = await runs(name)
    assert any("collections" in log["text"] and "none understood" in log["text"] for log in run.control.of("log"))
    people = run.people()
    assert people.keys() == {ANN, BEN, BOT}
    assert people[BOT].is_self


@pytest.mark.parametrize("name", ["share"])
async def test_a_shared_screen_is_its_owners_source(name: str, runs: Runs) -> None:
    run = await runs(name)
    screens = [
        (p.name, s.stream_id)
        for roster in run.records(Roster)
        for p in roster.participants
        for s in p.sources
        if s.is_screen
    ]
    assert {who for who, _ in screens} == {ANN}
    assert set(run.people()) == {ANN, BEN, BOT}


@pytest.mark.parametrize("name", ["neteq", "worklet"])
async def test_where_media_name_no_speaker_the_platforms_signals_do(name: str, runs: Runs) -> None:
    run = await runs(name)
    speaking = run.records(Speaking)
    ids = {p.participant_id: n for n, p in run.people().items()}
    assert {ids[s.participant_id] for s in speaking if s.speaking} == {ANN, BEN}
    assert BOT not in {ids[s.participant_id] for s in speaking}
    assert run.audio_frames()


@pytest.mark.parametrize("name", ["network_blip"])
async def test_a_short_loss_of_the_network_is_sat_out(name: str, runs: Runs) -> None:
    run = await runs(name)
    assert run.reason is EndReason.API_REQUEST, run.end


@pytest.mark.parametrize("name", ["audio_only"])
async def test_for_sound_alone_no_pictures_are_taken_but_the_last(name: str, runs: Runs) -> None:
    run = await runs(name)
    assert len(run.records(Screenshot)) == 1
    assert run.audio_frames()


@pytest.mark.parametrize("name", ["e2ee", "packet_loss"])
async def test_sound_is_taped_as_packets_with_its_speakers_whatever_happens_to_it_on_the_way(
    name: str, runs: Runs
) -> None:
    run = await runs(name)
    assert run.reason is EndReason.API_REQUEST, run.end
    assert [c.rung for c in run.records(CaptureSpan) if c.medium == "audio"] == ["encoded"]
    frames = run.audio_frames()
    assert len(frames) > 100
    assert len({csrc for frame in frames for csrc in frame.csrcs}) == 2
