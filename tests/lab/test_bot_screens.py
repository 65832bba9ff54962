"""The eyes on real pages: what Chromium draws decides, not what stands in the document."""

from collections.abc import AsyncIterator

import pytest

from meetfleet.browser.chromium import Chromium
from meetfleet.browser.page import Page
from meetfleet.platforms.google_meet.adapter import SCREENS
from meetfleet.platforms.google_meet.surface import READ_SURFACE, read_surface
from meetfleet.platforms.screen import ScreenKind

pytestmark = pytest.mark.lab

CALL = """
<main><div data-participant-id="spaces/x/devices/1"><span class="notranslate">Ann</span></div>
<div data-self-name="Bot">Bot</div></main>
<div role="region" aria-label="Call controls" style="visibility:hidden">
  <button aria-label="Turn on captions">c</button><button aria-label="Raise hand">h</button>
  <button jsname="CQylAd" aria-label="Leave call"><i>call_end</i></button></div>
<nav><button aria-label="People - 3 joined" data-panel-id="1">p</button></nav>
"""
LOBBY = """<p>Asking to be let in...</p><p>You’ll join the call when someone lets you in</p>
<button aria-label="Leave call">x</button><button>Return to home screen</button>
<div data-participant-id="effects" aria-label="visual_effects Backgrounds and effects">tile</div>"""
HOST_LOBBY = """<p>Please wait until a meeting host brings you into the call</p>
<div role="region" aria-label="Call controls"><button aria-label="Leave call">x</button>
<button aria-label="Send a reaction">r</button><button aria-label="Turn on captions">c</button></div>
<button aria-label="People">p</button>
<div data-participant-id="effects" aria-label="visual_effects Backgrounds and effects">tile</div>"""


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def page() -> AsyncIterator[Page]:
    chromium = await Chromium.launch()
    try:
        yield await chromium.new_page()
    finally:
        await chromium.close()


async def show(page: Page, html: str) -> None:
    await page.evaluate("(html) => { document.body.innerHTML = html }", html)


@pytest.mark.parametrize(
    ("html", "name"),
    [
        (CALL, "call"),
        (LOBBY, "lobby"),
        (HOST_LOBBY, "lobby"),
        (LOBBY + "<p>Someone in the call denied your request to join</p>", "denied"),
        ("<h1>The meeting code you entered doesn’t work</h1><button>Return to home screen</button>", "not_found"),
        ("<h1>The meeting code you entered doesn't work</h1>", "not_found"),
        ("<h1>Sign in</h1><p>to continue using your Google Account</p>", "sign_in_wall"),
        ("<p>Sign in</p><p>to continue using your Google Account</p>", "empty"),
        ("<h1>You can’t join this video call</h1><p>Returning to home screen</p>", "blocked"),
        ('<iframe src="about:blank?recaptcha" style="width:304px;height:78px"></iframe>', "captcha"),
        ('<iframe src="about:blank?recaptcha" style="width:0;height:0"></iframe>', "empty"),
        ("<p>Waiting for the host to join</p>", "waiting_for_host"),
        ("<p>No one responded to your request to join the call</p>", "no_answer"),
        (CALL + '<div class="roSPhc">You’ve been removed from the meeting</div>', "removed"),
        (CALL + "<p>Your host ended the meeting for everyone</p>", "host_ended"),
        (CALL + "<p>Reconnecting…</p>", "reconnecting"),
        ('<input type="text" aria-label="Your name"><button><span>Ask to join</span></button>', "green_room"),
        ("<button><span>Teilnahme erbitten</span></button>", "green_room"),
        ("<p>Bitte warten Sie, bis Sie vom Organisator hereingelassen werden</p>", "lobby"),
        ("<h1>You left the meeting</h1><button>Return to home screen</button>", "left"),
        ("<h1>Something new</h1><button>Go on</button>", "unknown"),
    ],
)
async def test_each_screen_is_recognised_by_what_it_shows(page: Page, html: str, name: str) -> None:
    await show(page, html)
    assert (await SCREENS.look(page)).name == name


@pytest.mark.parametrize(
    "hidden",
    [
        '<p style="display:none">{}</p>',
        '<p style="visibility:hidden">{}</p>',
        '<p style="opacity:0">{}</p>',
        '<div style="position:absolute;width:1px;height:1px;overflow:hidden"><p>{}</p></div>',
        '<p style="position:absolute;left:-9999px">{}</p>',
        "<script type='text/plain'>{}</script>",
    ],
)
async def test_a_text_that_nobody_can_see_is_no_screen(page: Page, hidden: str) -> None:
    await show(page, CALL + hidden.format("You've been removed from the meeting"))
    assert (await SCREENS.look(page)).kind is ScreenKind.IN_CALL


@pytest.mark.parametrize(
    "place",
    [
        '<div role="region" aria-label="Captions"><span>{}</span></div>',
        '<div data-participant-id="spaces/x/devices/2"><span class="notranslate">{}</span></div>',
        '<div aria-label="Participants" role="list"><div role="listitem" aria-label="x">{}</div></div>',
        '<div data-message-id="7">{}</div>',
    ],
)
async def test_what_people_say_write_or_call_themselves_is_no_screen(page: Page, place: str) -> None:
    await show(page, CALL + place.format("You've been removed from the meeting"))
    assert (await SCREENS.look(page)).kind is ScreenKind.IN_CALL


async def test_an_unknown_screen_names_the_buttons_it_shows(page: Page) -> None:
    await show(page, "<h1>Something new</h1><button><i>done</i>Go on</button>")
    assert (await SCREENS.look(page)).evidence == "seen: something new | go on"


async def test_a_consent_dialog_is_reported_with_its_button_and_a_pill_is_not(page: Page) -> None:
    await show(page, CALL + "<div>Gemini is taking notes</div>")
    assert (await SCREENS.look(page)).dialogs == ()
    await show(
        page,
        CALL + '<div role="dialog" aria-modal="true">This video call is being recorded'
        '<button data-mdc-dialog-action="ok" style="position:fixed;left:10px;top:20px;width:40px;height:20px">'
        "<span>Join now</span></button></div>",
    )
    (dialog,) = (await SCREENS.look(page)).dialogs
    assert (dialog.name, dialog.at) == ("recording_consent", (30, 30))


async def test_the_join_button_is_found_among_decoys(page: Page) -> None:
    await show(
        page,
        '<button aria-label="More options" jsname="NakZHc"><span>x</span></button><button>Present</button>'
        "<button>Join and use a phone for audio</button><button>Other ways to join</button>"
        '<button jsname="a"><i>login</i><span>Ask to join</span></button>',
    )
    found = await SCREENS.find(page, "join")
    assert found is not None
    assert found.label == "ask to join"


async def test_an_unknown_join_text_falls_back_to_structure(page: Page) -> None:
    await show(
        page,
        '<button aria-label="More options" jsname="NakZHc"><span>x</span></button>'
        '<button jsname="a"><span>Csatlakozás kérése</span></button>',
    )
    found = await SCREENS.find(page, "join")
    assert found is not None
    assert found.label == "csatlakozás kérése"


async def test_a_covered_or_disabled_button_is_told_apart(page: Page) -> None:
    await show(
        page,
        '<button disabled>Ask to join</button><div aria-label="promo" '
        'style="position:fixed;inset:0;background:white"></div>',
    )
    found = await SCREENS.find(page, "join")
    assert found is not None
    assert (found.disabled, found.covered, found.covered_by) == (True, True, "promo")


async def test_every_selector_of_the_file_is_valid_css(page: Page) -> None:
    broken = await page.evaluate(
        "(all) => all.filter((css) => { try { document.querySelector(css); return false } catch { return true } })",
        list(SCREENS.selectors()),
    )
    assert broken == []


async def test_tiles_speaking_marks_and_caption_rows_are_read_off_the_page(page: Page) -> None:
    await show(
        page,
        """<div data-participant-id="effects" aria-label="visual_effects Backgrounds and effects"></div>
        <div data-participant-id="1"><div data-self-name="Bot"></div><span class="notranslate">Bot</span></div>
        <div data-participant-id="2"><span class="notranslate">Ann</span><i class="HX2H7"></i></div>
        <div data-participant-id="3"><span class="notranslate">Ben</span><i class="HX2H7 gjg47c"></i></div>
        <div data-participant-id="4" data-audio-level="0"><span class="notranslate">Cleo</span></div>
        <div aria-label="Participants" role="list">
          <div role="listitem" aria-label="Ann">Ann Meeting host</div>
          <div role="listitem" aria-label="Ann">Ann Presentation</div>
          <div role="listitem" aria-label="Dan" data-cohort-id="7">Dan Adaptive audio group</div>
          <div role="listitem" aria-label="Eve" data-cohort-id="7">Eve Adaptive audio group</div>
        </div>
        <div role="region" aria-label="Captions">
          <div class="nMcdL"><span class="KcIKyf">Ann</span><div jsname="tgaKEf">Good morning</div></div>
          <div class="nMcdL"><span class="KcIKyf">Ben</span><div jsname="tgaKEf"></div></div>
        </div>""",
    )
    first, second = [read_surface(await page.evaluate(READ_SURFACE)) for _ in range(2)]
    assert [(p.participant_id, p.name, p.is_self, p.is_host, p.speaks) for p in first.people] == [
        ("1", "Bot", True, False, False),
        ("2", "Ann", False, True, True),
        ("3", "Ben", False, False, False),
        ("4", "Cleo", False, False, False),
        ("name:Dan", "Dan", False, False, False),
    ]
    assert [(c.name, c.text) for c in first.captions] == [("Ann", "Good morning")]
    assert second.captions == first.captions
