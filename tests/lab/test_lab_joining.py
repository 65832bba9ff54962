"""The replica's way into the call: its screens, its texts, and what the room notes of them."""

from dataclasses import replace

import pytest
from labkit import at_the_door, browser_for, empty_room, visit

from meetfleet.lab import Lab
from meetfleet.lab.scenarios import SCENARIOS
from meetfleet.lab.script import Host

pytestmark = pytest.mark.lab

SHOWN_AT_LOAD = {
    "not_found": "Check your meeting code",
    "expired": "Your meeting code has expired",
    "code_does_not_work": "The meeting code you entered doesn’t work",
    "invalid_name": "Invalid video call name",
    "sign_in": "Sign in",
    "blocked": "You can’t join this video call",
}
SHOWN_AFTER_ASKING = {
    "blocked_after_ask": "You can’t join this video call",
    "visible_captcha": "Try again",
    "denied": "Someone in the call denied your request to join",
    "no_answer": "No one responded to your request to join the call",
    "never_admitted": "Asking to be let in",
    "host_absent": "Waiting for the host to join",
    "host_managed_lobby": "Please wait until a meeting host brings you into the call",
    "straight_apostrophe": "You'll join the call when someone lets you in",
    "typographic_apostrophe": "You’ll join the call when someone lets you in",
}
BUTTONS = {
    "join_now": "Join now",
    "ask_anyway": "Ask to join anyway",
    "join_anyway": "Join anyway",
    "join_the_call_now": "Join the call now",
    "join_here_too": "Join here too",
    "switch_here": "Switch here",
    "german": "Teilnahme erbitten",
    "decoy_buttons": "Ask to join",
    "invisible_captcha": "Ask to join",
}


async def test_asking_waits_in_the_lobby_until_the_host_admits() -> None:
    async with at_the_door(empty_room(scenario="lobby")) as v:
        await v.type_name("Recorder")
        await v.click("Ask to join", by_hand=True)
        asked = await v.room.wait_for("bot_waiting", 5)
        await v.until_text("Asking to be let in")
        assert not await v.page.evaluate("!!document.querySelector('[data-self-name]')")
        admitted = await v.room.wait_for("bot_admitted", 10)
        await v.until("!!document.querySelector('[data-self-name=\"Recorder\"]')")
        assert admitted.at_ns - asked.at_ns >= 5_000_000_000
        pressed = v.room.events.of("page_join_pressed")[0].data
        assert pressed["trusted"] is True
        assert pressed["moves"] > 3
        await v.room.wait_for("media_connected", 10)
        order = ["page_loaded", "page_name_typed", "join_clicked", "bot_waiting", "bot_admitted", "media_connected"]
        assert [e.type for e in v.room.events.all if e.type in order] == order


async def test_pages_that_refuse_at_load_say_why() -> None:
    async with Lab() as lab, browser_for(lab) as browser:
        for scenario, text in SHOWN_AT_LOAD.items():
            v = await visit(browser, await lab.open_room(empty_room(scenario=scenario)))
            await v.until_text(text)
            assert not await v.page.evaluate("!!document.querySelector('input[type=text]')")
            await v.page.close()


async def test_pages_that_lead_away_end_on_another_host() -> None:
    async with Lab() as lab, browser_for(lab) as browser:
        for scenario, host in (("sign_in_redirect", "accounts.google.com"), ("redirect_away", "workspace.google.com")):
            v = await visit(browser, await lab.open_room(empty_room(scenario=scenario)))
            await v.until(f"location.host === '{host}'")
            await v.page.close()


async def test_a_code_without_a_room_is_not_found() -> None:
    async with Lab() as lab, browser_for(lab) as browser:
        v = await visit(browser, await lab.open_room(empty_room()))
        await v.page.goto("https://meet.google.com/zzz-zzzz-zzz")
        await v.until_text("Check your meeting code")


async def test_what_follows_the_join_request_is_shown() -> None:
    async with Lab() as lab, browser_for(lab) as browser:
        for scenario, text in SHOWN_AFTER_ASKING.items():
            room = await lab.open_room(empty_room(scenario=scenario, host=Host(admits_after_s=None)))
            v = await visit(browser, room)
            await v.ask()
            await v.until_text(text)
            await v.page.close()


async def test_a_denial_leaves_the_lobby_text_in_the_page() -> None:
    async with at_the_door(empty_room(scenario="denied")) as v:
        await v.ask()
        await v.until_text("denied your request")
        assert "Asking to be let in" in await v.page.evaluate("document.body.innerText")
        assert v.room.events.of("bot_denied")


async def test_every_join_button_leads_into_the_call() -> None:
    async with Lab() as lab, browser_for(lab) as browser:
        for scenario, button in BUTTONS.items():
            room = await lab.open_room(empty_room(scenario=scenario, host=Host(admits_after_s=0.1)))
            v = await visit(browser, room)
            await v.ask(button=button)
            await room.wait_for("bot_admitted", 10)
            assert bool(room.events.of("bot_waiting")) == button.startswith(("Ask", "Teilnahme"))
            await v.page.close()


async def test_a_block_at_the_first_load_is_gone_at_the_second() -> None:
    async with Lab() as lab, browser_for(lab) as browser:
        room = await lab.open_room(empty_room(scenario="blocked_once"))
        first = await visit(browser, room)
        await first.until_text("You can’t join this video call")
        second = await visit(browser, room)
        await second.ask()
        await room.wait_for("bot_admitted", 10, visit="v2")


async def test_a_late_name_field_is_replaced_once_and_forgets_what_was_typed() -> None:
    script = empty_room().with_page(name_input="late", name_input_delay_s=0.5)
    async with at_the_door(script) as v:
        await v.type_name("Too early")
        await v.until("document.querySelector('input[type=text]').value === ''")
        await v.ask("Recorder")
        clicked = await v.room.wait_for("join_clicked", 5)
        assert clicked.data["name"] == "Recorder"


async def test_dialogs_over_the_green_room_can_be_dismissed() -> None:
    async with Lab() as lab, browser_for(lab) as browser:
        for name, button in (
            ("device_prompt", "Continue without microphone and camera"),
            ("promo", "Got it"),
            ("toast", "Close"),
        ):
            room = await lab.open_room(empty_room(scenario=name))
            v = await visit(browser, room)
            await v.click(button)
            closed = await room.wait_for("page_dialog_closed", 5)
            assert closed.data["name"] == name
            await v.ask()
            await room.wait_for("bot_admitted", 10)
            await v.page.close()


async def test_microphone_and_camera_flip_their_labels() -> None:
    async with at_the_door(empty_room()) as v:
        await v.click("Turn off microphone")
        await v.click("Turn off camera")
        await v.until("document.querySelectorAll('[role=button][data-is-muted=true]').length === 2")
        await v.room.wait_for("camera_off", 5)
        assert await v.page.evaluate("!!document.querySelector('[aria-label=\"Turn on microphone\"]')")


async def test_native_pages_hold_three_audio_elements_and_others_none() -> None:
    async with Lab() as lab, browser_for(lab) as browser:
        for path, count in (("native", 3), ("e2ee", 3), ("neteq", 0), ("worklet", 0)):
            v = await visit(browser, await lab.open_room(empty_room().with_page(audio=path)))
            await v.until("!!document.querySelector('input[type=text]')")
            assert await v.page.evaluate("document.querySelectorAll('audio').length") == count
            assert await v.page.evaluate("crossOriginIsolated") is (path == "neteq")
            await v.page.close()


async def test_the_page_runs_under_a_strict_policy() -> None:
    async with at_the_door(empty_room()) as v:
        await v.until("!!document.querySelector('input[type=text]')")
        inline = (
            "document.body.append(Object.assign(document.createElement('script'), { textContent: 'window.ran = 1' }))"
        )
        with pytest.raises(Exception, match="TrustedScript"):
            await v.page.evaluate(inline)
        with pytest.raises(Exception, match=r"TrustedHTML|TrustedScript"):
            await v.page.evaluate("document.body.innerHTML = '<b>x</b>'")
        violated = (
            "new Promise((done) => {"
            " document.addEventListener('securitypolicyviolation', (e) => done(e.violatedDirective));"
            " try { new WebSocket('ws://127.0.0.1:9'); } catch {} setTimeout(() => done(null), 3000); })"
        )
        assert await v.page.evaluate(violated) == "connect-src"


async def test_a_visitor_leaves_cleanly_vanishes_or_cancels() -> None:
    async with Lab() as lab, browser_for(lab) as browser:
        room = await lab.open_room(empty_room(host=Host(admits_after_s=0.1)))
        left = await visit(browser, room)
        await left.enter()
        await left.click("Leave call")
        await room.wait_for("bot_left", 5, visit="v1")
        await left.until_text("You left the meeting")
        vanished = await visit(browser, room)
        await vanished.ask()
        await room.wait_for("bot_admitted", 5, visit="v2")
        await vanished.page.close()
        await room.wait_for("bot_vanished", 10, visit="v2")
        waiting = await lab.open_room(empty_room(host=Host(admits_after_s=None)))
        cancelled = await visit(browser, waiting)
        await cancelled.ask()
        await cancelled.click("Return to home screen")
        gone = await waiting.wait_for("bot_left", 5)
        assert gone.data["was_in_call"] is False


async def test_leaving_may_need_a_confirmation() -> None:
    async with at_the_door(empty_room(scenario="leave_confirm", host=Host(admits_after_s=0.1))) as v:
        await v.enter()
        await v.click("Leave call")
        await v.click("Just leave the meeting")
        await v.room.wait_for("bot_left", 5)


@pytest.mark.parametrize(
    ("scenario", "event", "text"),
    [
        ("removed_early", "bot_removed", "You’ve been removed from the meeting"),
        ("host_ends", "call_ended", "Your host ended the meeting for everyone"),
        ("call_ends", "call_ended", "The call ended"),
    ],
)
async def test_the_host_ends_it(scenario: str, event: str, text: str) -> None:
    changes = SCENARIOS[scenario].changes["host"]
    host = Host(admits_after_s=0.1, **{key: 1.0 for key in changes})
    async with at_the_door(replace(empty_room(), host=host)) as v:
        await v.ask()
        await v.room.wait_for(event, 10)
        await v.until_text(text)
        if event == "bot_removed":
            assert await v.page.evaluate("document.querySelector('.roSPhc').innerText.includes('removed')")


async def test_the_host_acts_by_hand() -> None:
    async with at_the_door(empty_room(host=Host(admits_after_s=None))) as v:
        await v.ask("By hand")
        await v.room.wait_for("bot_waiting", 5)
        await v.room.do("admit", bot="By hand")
        await v.room.wait_for("bot_admitted", 5)
        await v.room.do("remove_bot", bot="v1")
        await v.until_text("You’ve been removed from the meeting")


async def test_dialogs_and_variants_in_the_call_are_in_the_page() -> None:
    shown = {
        "recording_consent": "!!document.querySelector('[aria-modal=true][role=dialog] [data-mdc-dialog-action=ok]')",
        "others_may_see": "document.body.innerText.includes('Others may see your video differently')",
        "gemini_pill": "document.querySelector('.pill').innerText === 'Gemini is taking notes'",
        "alert_toast": "!!document.querySelector('[role=alert]')",
        "unread_chat": "!!document.querySelector('button[aria-label=\"Chat with everyone - New message\"]')",
        "people_badge": "document.querySelector('[data-avatar-count]').getAttribute('data-avatar-count') === '1'",
        "captions_off": "!!document.querySelector('main') && !document.querySelector('[jsname=r8qRAd]')",
        "toolbar_stays": "!!document.querySelector('.toolbar:not(.hidden)')",
    }
    async with Lab() as lab, browser_for(lab) as browser:
        for scenario, condition in shown.items():
            room = await lab.open_room(empty_room(scenario=scenario, host=Host(admits_after_s=0.1)))
            v = await visit(browser, room)
            await v.enter()
            await v.until(condition)
            await v.page.close()


async def test_the_toolbar_hides_without_pointer_motion_and_comes_back() -> None:
    async with at_the_door(empty_room(host=Host(admits_after_s=0.1))) as v:
        await v.ask()
        hidden = "getComputedStyle(document.querySelector('.toolbar button')).visibility === 'hidden'"
        await v.until(hidden)
        await v.page.click(640, 300)
        await v.until(f"!({hidden})")
