"""screens.toml: what it may say, and that Google Meet's says enough."""

import re
from pathlib import Path

import pytest

from meetfleet.domain.end_reason import EndReason
from meetfleet.domain.errors import JoinError
from meetfleet.platforms import registry
from meetfleet.platforms.google_meet import adapter
from meetfleet.platforms.google_meet.adapter import SCREENS, GoogleMeet, join_url
from meetfleet.platforms.screen import Dialog, ScreenKind
from meetfleet.platforms.screens import Screens, ScreensFileInvalid


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('[[screens]]\nname = "a"\nkind = "denied"\nany = [{ txt = "x" }]', "unknown word 'txt'"),
        ('[[screens]]\nname = "a"\nkind = "dancing"\nany = [{ text = "x" }]', "unknown kind 'dancing'"),
        ('[[screens]]\nname = "a"\nkind = "denied"', "no clause"),
        ('[[screens]]\nname = "a"\nkind = "denied"\nany = [{ visible = true }]', "an empty clause"),
        ('[[screens]]\nname = "a"\nkind = "denied"\nall = [{ any = [], text = "x" }]', "either a group or a leaf"),
        ('[[dialogs]]\nname = "a"\nany = [{ text = "x" }]\nclick = [{ button = "x" }]', "unknown word 'button'"),
        ('[targets]\njoin = [{ exactly = "x" }]', "join: unknown word 'exactly'"),
    ],
)
def test_a_fault_in_the_file_is_named_with_its_place(tmp_path: Path, text: str, fault: str) -> None:
    path = tmp_path / "screens.toml"
    path.write_text(text)
    with pytest.raises(ScreensFileInvalid, match=re.escape(fault)):
        Screens.load(path)


def test_what_the_eyes_answer_becomes_a_screen() -> None:
    index = next(i for i, rule in enumerate(SCREENS.screens) if rule["name"] == "lobby")
    toast = next(i for i, rule in enumerate(SCREENS.dialogs) if rule["name"] == "device_toast")
    answer = {
        "url": "https://meet.google.com/abc-defg-hij",
        "ready": True,
        "screen": index,
        "why": ["Asking to be let in"],
        "dialogs": [{"index": toast, "at": [10, 20]}],
    }
    seen = SCREENS.read(answer)
    assert (seen.name, seen.kind, seen.evidence) == ("lobby", ScreenKind.WAITING_ROOM, "Asking to be let in")
    assert seen.dialogs == (Dialog("device_toast", (10, 20)),)


def test_a_page_without_a_document_is_still_loading() -> None:
    assert SCREENS.read({"url": "about:blank", "ready": False}).kind is ScreenKind.LOADING


def test_google_meet_knows_a_screen_for_every_way_a_stay_can_go() -> None:
    kinds = {ScreenKind(rule["kind"]) for rule in SCREENS.screens}
    assert kinds >= set(ScreenKind) - {ScreenKind.UNKNOWN, ScreenKind.RECORDING_DISABLED}


def test_every_target_that_the_adapter_aims_at_is_in_the_file() -> None:
    source = Path(adapter.__file__).read_text()
    aimed = set(re.findall(r"_touch\.(?:click|fill|has)\(\"(\w+)\"", source))
    aimed |= set(re.findall(r"SCREENS\.find\(self\._page, \"(\w+)\"", source))
    assert len(aimed) > 6
    assert aimed <= SCREENS.targets.keys()


@pytest.mark.parametrize(
    ("link", "opened"),
    [
        ("https://meet.google.com/abc-defg-hij", "https://meet.google.com/abc-defg-hij?hl=en"),
        ("https://meet.google.com/abc-defg-hij?authuser=1&pli=1", "https://meet.google.com/abc-defg-hij?hl=en"),
        ("https://meet.google.com/abc-defg-hij?hl=de", "https://meet.google.com/abc-defg-hij?hl=de"),
    ],
)
def test_the_page_is_opened_in_english_unless_the_caller_wants_otherwise(link: str, opened: str) -> None:
    assert join_url(link, "en") == opened


@pytest.mark.parametrize("link", ["https://meet.google.com/lookup/x", "https://zoom.us/j/1", "nonsense"])
def test_a_link_that_is_no_google_meet_link_ends_the_stay(link: str) -> None:
    with pytest.raises(JoinError) as error:
        join_url(link, "en")
    assert error.value.reason is EndReason.INVALID_MEETING_URL


def test_a_platform_is_found_by_name_and_an_unknown_one_ends_the_stay() -> None:
    assert registry.adapter_for("google_meet") is GoogleMeet
    with pytest.raises(JoinError) as error:
        registry.adapter_for("carrier_pigeon")
    assert error.value.reason is EndReason.CANNOT_JOIN_MEETING
