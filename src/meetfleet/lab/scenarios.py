"""Named mixtures of page, host and network behaviour: one for each thing that a Google Meet bot must cope with.

`scenario: denied` in a room script lays the mixture over it. docs/lab.md lists them by what a bot should make of them.
"""

from dataclasses import dataclass
from typing import Any

from meetfleet.domain.errors import InvalidRequest
from meetfleet.lab.script import RoomScript, script_as_dict, script_from


@dataclass(frozen=True, slots=True)
class Scenario:
    """A mixture.

    Attributes:
        expected: What a bot should make of it, in one line.
        changes: Parts of the room script that it replaces.
    """

    expected: str
    changes: dict[str, dict[str, Any]]


def _page(expected: str, **page: Any) -> Scenario:
    return Scenario(expected, {"page": page})


def _host(expected: str, **host: Any) -> Scenario:
    return Scenario(expected, {"host": host})


JOINING: dict[str, Scenario] = {
    "lobby": _host("waits, then is in the call", admits_after_s=5.0),
    "join_now": _page("in the call without a lobby", join_button="Join now"),
    "ask_anyway": _page("waits, then is in the call", join_button="Ask to join anyway"),
    "join_anyway": _page("in the call", join_button="Join anyway"),
    "join_the_call_now": _page("in the call", join_button="Join the call now"),
    "join_here_too": _page("in the call", join_button="Join here too"),
    "switch_here": _page("in the call", join_button="Switch here"),
    "decoy_buttons": _page("clicks the right button", decoys=True),
    "late_name": _page("types the name once", name_input="late", name_input_delay_s=6.0),
    "device_prompt": _page("goes on without devices", dialogs=["device_prompt"]),
    "promo": _page("dismisses it", dialogs=["promo"]),
    "toast": _page("closes it, within three tries", dialogs=["toast"]),
    "invisible_captcha": _page("ignores it", captcha="invisible"),
    "host_managed_lobby": Scenario(
        "stays waiting, then is in the call", {"page": {"lobby": "host_managed"}, "host": {"admits_after_s": 6.0}}
    ),
    "german": _page("in the call by structure", language="de", join_button="Teilnahme erbitten"),
    "straight_apostrophe": _page("the same as with the typographic one", apostrophe="'"),
    "typographic_apostrophe": _page("the same as with the straight one", apostrophe="’"),
    "blocked_once": _page("tries again and is in the call", load="blocked", load_ok_after=1),
}

REFUSALS: dict[str, Scenario] = {
    "not_found": _page("meeting not found", load="not_found"),
    "expired": _page("meeting not found", load="expired"),
    "code_does_not_work": _page("meeting not found", load="code_does_not_work"),
    "invalid_name": _page("meeting not found", load="invalid_name"),
    "sign_in": _page("login required", load="sign_in"),
    "sign_in_redirect": _page("login required", load="sign_in_redirect"),
    "signed_in_expected": _page("a name is asked for although signed in: authentication failed"),
    "blocked": _page("blocked", load="blocked"),
    "blocked_after_ask": _page("blocked", after_ask="blocked"),
    "redirect_away": _page("cannot join", load="redirect_away"),
    "visible_captcha": _page("blocked after a grace", captcha="visible"),
    "denied": _host("denied by the host", denies_after_s=2.0),
    "no_answer": _host("lobby timeout", no_answer_after_s=5.0),
    "never_admitted": _host("lobby timeout", admits_after_s=None),
    "host_absent": Scenario(
        "waits for the host until its timeout", {"page": {"lobby": "host_absent"}, "host": {"admits_after_s": None}}
    ),
}

IN_CALL: dict[str, Scenario] = {
    "recording_consent": _page("accepts, goes on", call_dialogs=["recording_consent"]),
    "gemini_pill": _page("not taken for a gate", call_dialogs=["gemini_pill"]),
    "alert_toast": _page("ignored", call_dialogs=["alert_toast"]),
    "others_may_see": _page("dismissed", call_dialogs=["others_may_see"]),
    "toolbar_stays": _page("in the call", toolbar_hides=False),
    "unread_chat": _page("in the call", unread_chat=True),
    "people_badge": _page("counts by the badge", people_ui="badge"),
    "old_layout_menu": _page("no failure", layout_menu="Change layout"),
    "new_layout_menu": _page("no failure", layout_menu="Adjust view"),
    "captions_dom": _page("captions from the page, none twice", captions="dom"),
    "captions_off": _page("no captions, no failure", captions="off"),
    "chat_disabled": _page("sending says that chat is not available", chat=False),
    "malformed_collections": _page("alarm, roster from the page", collections="malformed"),
    "neteq": _page("records sound; speakers by signal", audio="neteq"),
    "e2ee": _page("records sound by the encoded rung: what the page has descrambled", audio="e2ee"),
    "worklet": _page("records sound by the page rung", audio="worklet"),
    "late_audio": _page("late streams are recorded", late_audio_s=8.0),
    "leave_confirm": _page("leaves cleanly", leave_confirm=True),
    "packet_loss": Scenario("nothing missing in the pictures", {"network": {"loss_percent": 3.0}}),
}

ENDINGS: dict[str, Scenario] = {
    "removed_early": _host("removed, too early", removes_after_s=3.0),
    "removed_later": _host("removed", removes_after_s=20.0),
    "host_ends": _host("the meeting has ended", ends_after_s=10.0),
    "call_ends": _host("the meeting has ended", closes_after_s=10.0),
    "network_blip": Scenario("stays in the call", {"network": {"drops": [{"start": 6, "end": 16}]}}),
    "network_gone": Scenario("network loss", {"network": {"drops": [{"start": 6}]}}),
    "freeze": _page("network loss, the browser is ended", freeze_after_s=6.0),
}

SCENARIOS: dict[str, Scenario] = {**JOINING, **REFUSALS, **IN_CALL, **ENDINGS}


def with_scenario(script: RoomScript) -> RoomScript:
    """The script with its scenario laid over it.

    Raises:
        InvalidRequest: there is no such scenario.
    """
    if script.scenario is None:
        return script
    scenario = SCENARIOS.get(script.scenario)
    if scenario is None:
        raise InvalidRequest(f"There is no scenario '{script.scenario}'.", code="invalid_script")
    data = script_as_dict(script)
    for part, changes in scenario.changes.items():
        data[part] = {**data[part], **changes}
    return script_from(data)
