import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meetfleet.browser.probe.arrival import STEP_NS, ArrivalClock
from meetfleet.browser.probe.assemble import FOLDER, WINDOW, WORKER, assemble
from meetfleet.browser.probe.options import ProbeOptions
from meetfleet.browser.probe.script_link import ScriptLink
from meetfleet.browser.probe.tracks import TrackBook
from meetfleet.tape.frame import EncodedFrame, FrameKind

MODULES = sorted(FOLDER.glob("*.js"))


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.stem)
def test_a_module_is_short_and_says_what_it_is(path: Path) -> None:
    lines = path.read_text().splitlines()
    assert len(lines) < 250
    assert lines[0].startswith("// ")


def test_every_module_is_used_once() -> None:
    assert len(set(WINDOW)) == len(WINDOW)
    assert {p.stem for p in MODULES} == {*WINDOW, *WORKER, "tap_worklet"}


def test_scripts_are_closures_and_carry_their_settings() -> None:
    scripts = assemble(ProbeOptions(labels=("collections",)), url="ws://127.0.0.1:1/x", secret="s3cret")
    for script, start in ((scripts.window, "startInWindow"), (scripts.worker, "startInWorker")):
        assert script.startswith("(() => {\n'use strict';")
        assert script.endswith("})();\n")
        settings = json.loads(re.findall(rf"^{start}\((.*)\);$", script, re.M)[-1])
        assert settings["url"] == "ws://127.0.0.1:1/x"
        assert settings["labels"] == ["collections"]
    assert "class RtcHook" not in scripts.worker


def test_page_times_are_kept_while_the_clocks_agree() -> None:
    clock = ArrivalClock()
    clock.observe(1_000, 1_000 + STEP_NS // 2)
    assert clock.to_meeting_ns(5_000) == 5_000


@given(st.integers(-(10**15), 10**15), st.lists(st.integers(0, 10**9), min_size=1, max_size=30))
def test_the_least_delayed_message_tells_how_far_the_clocks_are_apart(apart_ns: int, delays_ns: list[int]) -> None:
    clock = ArrivalClock()
    sent_ns = 10**18
    for delay_ns in delays_ns:
        sent_ns += 10**9
        clock.observe(sent_ns, sent_ns + apart_ns + delay_ns)
    error_ns = clock.to_meeting_ns(sent_ns) - (sent_ns + apart_ns)
    assert abs(error_ns - min(delays_ns)) <= STEP_NS


def note(**changes: object) -> dict[str, object]:
    return {
        "t": "track", "id": 0, "kind": "audio", "codec": "opus", "rate": 48000, "ssrc": 7, "rung": "encoded",
        "receiver": 1, "stream": "s", "mid": "0",
    } | changes  # fmt: skip


def test_tracks_of_several_scripts_get_numbers_of_their_own() -> None:
    book = TrackBook()
    first, second = ScriptLink("a", "window", True), ScriptLink("b", "window", True)
    states = [book.announced(first, note()), book.announced(second, note()), book.announced(first, note(id=1))]
    assert [s.info.track_id for s in states if s] == [0, 1, 2]


def test_the_same_announcement_is_told_once_and_a_change_again() -> None:
    book, link = TrackBook(), ScriptLink("a", "window", True)
    assert book.announced(link, note())
    assert book.announced(link, note()) is None
    changed = book.announced(link, note(codec="vp9"))
    assert changed
    assert (changed.info.track_id, changed.info.codec) == (0, "vp9")


@pytest.mark.parametrize("source_first", [True, False])
def test_a_track_taped_in_a_worker_learns_its_stream_from_the_window(source_first: bool) -> None:
    book = TrackBook()
    window, worker = ScriptLink("w", "window", True), ScriptLink("k", "worker", False)
    source = {"t": "source", "ssrc": 7, "receiver": 3, "stream": "cam", "mid": "2"}
    track = note(receiver=None, stream=None, mid=None)
    if source_first:
        book.source_known(window, source)
        told = book.announced(worker, track)
    else:
        book.announced(worker, track)
        told = book.source_known(window, source)
    assert told
    assert (told.info.stream_id, told.info.mid, told.key) == ("cam", "2", "w/3")
    assert window.receiver_of(told.key) == 3
    assert worker.receiver_of(told.key) is None


def frame(level: int, at_ns: int) -> EncodedFrame:
    return EncodedFrame(0, FrameKind.AUDIO, at_ns, 0, 7, b"x" * 30, audio_level=level)


def test_a_track_knows_when_it_was_last_heard() -> None:
    book, link = TrackBook(), ScriptLink("a", "window", True)
    state = book.announced(link, note())
    assert state
    assert state.count([frame(30, 1), frame(20, 2), frame(90, 3)]) == 2
    assert (state.last_heard_ns, state.last_frame_ns, state.level, state.frames) == (2, 3, 90, 3)
