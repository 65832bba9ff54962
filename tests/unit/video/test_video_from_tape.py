"""Nothing but a tape: sound, speakers and pauses are found in it, and the video agrees with the other artifacts."""

from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from typer.testing import CliRunner
from video_actors import Stagehand, Take, film, pictures, voice

from meetfleet.artifacts.cli import app
from meetfleet.artifacts.live import build
from meetfleet.artifacts.video.geometry import Rect
from meetfleet.artifacts.video.render import RenderOptions, render_video
from meetfleet.artifacts.video.resolution import Resolution
from meetfleet.tape.records import Participant, Roster, SourceRef, StateSeen

ANN = [(1.0, 4.0), (9.0, 11.5)]
BOB = [(5.0, 8.0)]
OPTIONS = RenderOptions(Resolution.P360)


def person(name: str, sound: int, picture: int) -> Participant:
    return Participant(
        name.lower(), name, sources=(SourceRef("audio", track_id=sound), SourceRef("video", track_id=picture))
    )


@pytest.fixture(scope="module")
def tape(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ann, Bob, Ann speak; recording starts half a second in and pauses from 6 to 7 s."""
    directory = tmp_path_factory.mktemp("bot") / "tape"
    stage = Stagehand(directory)
    stage.at(0, Roster((person("Ann", 10, 0), person("Bob", 11, 1))))
    for at_s, state in ((0, "in_call"), (0.5, "recording"), (6, "paused"), (7, "recording"), (12, "leaving")):
        stage.at(at_s, StateSeen(state))
    stage.microphone(10, voice(10, ANN, 12))
    stage.microphone(11, voice(11, BOB, 12))
    stage.camera(0, film(0, [Take(0, 12)]))
    stage.camera(1, film(1, [Take(0, 12)]))
    stage.write()
    return directory


def meeting_s(recording_s: float) -> float:
    return recording_s + (0.5 if recording_s < 5.5 else 1.5)


def check_pictures(path: Path) -> None:
    for picture in pictures(path):
        at_s = meeting_s(picture.at_s)
        strip = picture.strip(Rect(0, 0, 640, 360))
        assert strip is not None
        if abs(at_s - 5) > 0.1 and abs(at_s - 9) > 0.1:
            assert strip[0] == (1 if 5 <= at_s < 9 else 0), at_s
        assert -0.03 <= at_s - strip[1] < 0.14, at_s


def loud(path: Path) -> np.ndarray:
    """For each 10 ms of a file whether there is sound."""
    with av.open(str(path)) as file:
        resampler = av.AudioResampler("s16", "mono", 48_000)
        parts = [out.to_ndarray()[0] for frame in file.decode(audio=0) for out in resampler.resample(frame)]
    samples = np.concatenate(parts).astype(np.int32)
    return abs(samples[: len(samples) // 480 * 480]).reshape(-1, 480).max(axis=1) > 1500


def test_a_video_beside_the_other_artifacts_uses_and_matches_them(tape: Path, tmp_path: Path) -> None:
    manifest = build(tape, tmp_path)
    result = render_video(tape, tmp_path / "video.mp4", options=OPTIONS)
    assert result.duration_s == pytest.approx(manifest.duration_s, abs=0.001)
    check_pictures(tmp_path / "video.mp4")
    mix, film_sound = loud(tmp_path / "output.flac"), loud(tmp_path / "video.mp4")
    assert len(film_sound) == pytest.approx(len(mix), abs=4)
    edges = [np.flatnonzero(np.diff(sound.astype(int))) for sound in (mix, film_sound)]
    assert len(edges[0]) == len(edges[1])
    assert np.abs(edges[0] - edges[1]).max() <= 2


def test_a_tape_alone_is_enough(tape: Path, tmp_path: Path) -> None:
    result = render_video(tape, tmp_path / "video.mp4", options=OPTIONS)
    assert result.duration_s == pytest.approx(10.5, abs=0.03)
    check_pictures(tmp_path / "video.mp4")
    assert loud(tmp_path / "video.mp4").any()
    assert [path.name for path in tmp_path.iterdir()] == ["video.mp4"]


def test_running_it_again_gives_the_same_file(tape: Path, tmp_path: Path) -> None:
    outs = [tmp_path / name for name in ("one.mp4", "two.mp4")]
    for out in outs:
        render_video(tape, out, options=OPTIONS)
    assert all(a.read_bytes() == b.read_bytes() for a, b in pairwise(outs))


def test_the_command_line_renders_a_tape(tape: Path, tmp_path: Path) -> None:
    out = tmp_path / "video.mp4"
    done = CliRunner().invoke(app, ["video", str(tape), "--out", str(out), "--resolution", "360p"])
    assert done.exit_code == 0, done.output
    assert out.exists()
    missing = CliRunner().invoke(app, ["video", str(tmp_path / "none"), "--out", str(out)])
    assert missing.exit_code == 2
    assert "no tape" in missing.output


def test_time_zero_is_the_start_of_the_recording(tape: Path, tmp_path: Path) -> None:
    render_video(tape, tmp_path / "video.mp4", options=OPTIONS)
    first = next(iter(pictures(tmp_path / "video.mp4")))
    strip = first.strip(Rect(0, 0, 640, 360))
    assert first.at_s == 0
    assert strip is not None
    assert strip[1] == pytest.approx(0.5, abs=0.11)
