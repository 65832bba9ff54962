import json
from pathlib import Path

from typer.testing import CliRunner

from meetfleet.tape.cli import app
from meetfleet.tape.records import CaptureSpan
from meetfleet.testing.tapes import HandClock, audio_frame, write_take


def run(*args: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(a) for a in args], env={"COLUMNS": "200"})
    return result.exit_code, result.output


def test_a_whole_tape_verifies(tmp_path: Path) -> None:
    _, writer = write_take(tmp_path, 12)
    writer.append(CaptureSpan("audio", "raw", "encoded was silent"))
    writer.close()
    code, out = run("verify", tmp_path)
    assert code == 0
    assert "whole" in out
    assert "raw" in out
    assert "encoded was silent" in out


def test_a_damaged_tape_fails_verification_and_says_where(tmp_path: Path) -> None:
    write_take(tmp_path, 12)[1].close()
    data = bytearray((tmp_path / "t01-000002.mcap").read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "t01-000002.mcap").write_bytes(data)
    code, out = run("verify", tmp_path)
    assert code == 1
    assert "t01-000002.mcap: The chunk" in out


def test_a_missing_segment_fails_verification(tmp_path: Path) -> None:
    write_take(tmp_path, 16)[1].close()
    (tmp_path / "t01-000002.mcap").unlink()
    code, out = run("verify", tmp_path)
    assert code == 1
    assert "segments 2 to 2 are missing" in out


def test_a_killed_bots_tape_is_no_damage(tmp_path: Path) -> None:
    write_take(tmp_path, 7)
    assert run("verify", tmp_path)[0] == 0


def test_lost_packets_are_counted(tmp_path: Path) -> None:
    clock = HandClock()
    _, writer = write_take(tmp_path, 2, clock=clock)
    for index in range(110, 200):
        writer.append_frames(0, [audio_frame(index, arrival_ns=clock.now_ns())])
        clock.advance(0.02)
    writer.close()
    streams = run("verify", tmp_path)[1].split("Streams")[1]
    row = next(line for line in streams.splitlines() if "opus" in line)
    assert row.split()[-2:] == ["10", "0"]


def test_info_names_the_bot(tmp_path: Path) -> None:
    write_take(tmp_path, 2)
    code, out = run("info", tmp_path)
    assert code == 0
    assert "bot-1" in out
    assert "google_meet" in out


def test_cat_prints_json_lines(tmp_path: Path) -> None:
    write_take(tmp_path, 2)
    lines = [json.loads(line) for line in run("cat", tmp_path, "--topic", "/state")[1].splitlines()]
    assert [line["state"] for line in lines] == ["recording"]
    frames = [
        json.loads(line) for line in run("cat", tmp_path, "--topic", "/track/0/frames", "--frames")[1].splitlines()
    ]
    assert frames[0]["csrcs"] == [5]
    assert len(frames) >= 75


def test_a_folder_without_a_tape_is_a_clear_error(tmp_path: Path) -> None:
    code, out = run("info", tmp_path)
    assert code == 2
    assert "no tape" in out
