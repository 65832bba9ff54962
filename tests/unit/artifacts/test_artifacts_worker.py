import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from meetfleet.artifacts.live import build
from meetfleet.artifacts.worker import Assembler
from meetfleet.tape.tape import Tape
from meetfleet.testing.meeting_tape import MeetingScript, Utterance, make_tape

SCRIPT = MeetingScript((Utterance(0, 0.5, 2.0), Utterance(1, 2.6, 4.6)), 6, segment_s=2)


def tell(assembler: Assembler, **command: Any) -> dict[str, Any]:
    return assembler.answer(json.dumps(command))


def segments(tape: Path) -> list[str]:
    return [str(segment.path) for segment in Tape.open(tape).segments]


def test_two_tapes_are_built_side_by_side(tmp_path: Path) -> None:
    make_tape(tmp_path / "tape", SCRIPT)
    assembler = Assembler()
    for tape in ("a", "b"):
        assert tell(assembler, command="open", tape=tape, out_dir=str(tmp_path / tape))["ok"]
    for segment in segments(tmp_path / "tape"):
        for tape in ("a", "b"):
            assert tell(assembler, command="feed", tape=tape, segment=segment)["ok"]
    answer = tell(assembler, id=7, command="finish", tape="a", context={"bot_name": "Notetaker", "invented_later": 1})
    assert answer["id"] == 7
    assert answer["manifest"]["bot_name"] == "Notetaker"
    assert tell(assembler, command="finish", tape="b")["ok"]
    build(tmp_path / "tape", tmp_path / "c")
    assert (tmp_path / "b/output.flac").read_bytes() == (tmp_path / "c/output.flac").read_bytes()
    assert (tmp_path / "b/manifest.json").read_bytes() == (tmp_path / "c/manifest.json").read_bytes()


def test_a_bad_tape_harms_no_other(tmp_path: Path) -> None:
    make_tape(tmp_path / "tape", SCRIPT)
    assembler = Assembler()
    for tape in ("good", "bad"):
        tell(assembler, command="open", tape=tape, out_dir=str(tmp_path / tape))
    missing = tell(assembler, command="feed", tape="bad", segment=str(tmp_path / "t01-000001.mcap"))
    assert missing["error"]["code"] == "tape_io"
    assert tell(assembler, command="finish", tape="bad")["error"]["code"] == "broken"
    for segment in segments(tmp_path / "tape"):
        assert tell(assembler, command="feed", tape="good", segment=segment)["ok"]
    assert tell(assembler, command="finish", tape="good")["ok"]


def test_a_broken_tape_can_be_opened_anew_and_rebuilt(tmp_path: Path) -> None:
    make_tape(tmp_path / "tape", SCRIPT)
    assembler = Assembler()
    tell(assembler, command="open", tape="a", out_dir=str(tmp_path / "a"))
    tell(assembler, command="feed", tape="a", segment="/nowhere/t01-000001.mcap")
    tell(assembler, command="open", tape="a", out_dir=str(tmp_path / "a"))
    for segment in segments(tmp_path / "tape"):
        tell(assembler, command="feed", tape="a", segment=segment)
    assert tell(assembler, command="finish", tape="a")["manifest"]["duration_s"] == 6


def test_nonsense_is_answered_and_ends_nothing() -> None:
    assembler = Assembler()
    for line in ("", "nonsense", "[]", "{}", '{"command": "feed"}', '{"command": "burn", "tape": "a"}'):
        assert assembler.answer(line)["error"]["code"] == "bad_command"
    assert tell(assembler, command="feed", tape="a", segment="x")["error"]["code"] == "not_open"
    assert tell(assembler, command="open", tape="a")["error"]["code"] == "bad_command"
    assert tell(assembler, command="drop", tape="a")["ok"]


def test_the_process_speaks_json_lines_and_ends_with_its_input(tmp_path: Path) -> None:
    make_tape(tmp_path / "tape", SCRIPT)
    commands = [{"command": "open", "tape": "a", "out_dir": str(tmp_path / "out")}]
    commands += [{"command": "feed", "tape": "a", "segment": s} for s in segments(tmp_path / "tape")]
    commands += [{"command": "feed", "tape": "b", "segment": "/nowhere"}, {"command": "finish", "tape": "a"}]
    out = subprocess.run(
        [sys.executable, "-m", "meetfleet.artifacts.worker"],
        input="".join(json.dumps(command) + "\n" for command in commands),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    answers = [json.loads(line) for line in out.stdout.splitlines()]
    assert [a["ok"] for a in answers] == [True] * (len(commands) - 2) + [False, True]
    assert (tmp_path / "out/output.flac").exists()
    assert not (tmp_path / "out/.live").exists()
