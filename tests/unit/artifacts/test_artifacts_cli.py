from pathlib import Path

from typer.testing import CliRunner

from meetfleet.artifacts.cli import app
from meetfleet.testing.meeting_tape import MeetingScript, Utterance, make_tape


def run(*args: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(a) for a in args], env={"COLUMNS": "200"})
    return result.exit_code, result.output


def test_build_lists_files_speakers_and_gaps(tmp_path: Path) -> None:
    make_tape(tmp_path / "tape", MeetingScript((Utterance(0, 0.5, 2.0),), 4, pauses=((3.0, 3.5),)))
    code, out = run("build", tmp_path / "tape")
    assert code == 0
    assert "output.flac" in out
    assert "audio/1-ada.ogg" in out
    assert "Ada: spoke 1.5 s" in out
    assert "paused" in out
    assert (tmp_path / "artifacts/manifest.json").exists()


def test_a_folder_without_a_tape_is_a_clear_error(tmp_path: Path) -> None:
    code, out = run("build", tmp_path)
    assert code == 2
    assert "no tape" in out


def test_an_unknown_layout_is_refused(tmp_path: Path) -> None:
    assert run("build", tmp_path, "--video", "mosaic")[0] == 2
