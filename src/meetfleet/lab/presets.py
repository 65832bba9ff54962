"""Rooms that are ready to use."""

from collections.abc import Callable
from typing import Any

from meetfleet.domain.errors import InvalidRequest
from meetfleet.lab.script import ChatLine, Host, Line, Person, RoomScript, Share, Span


def one_person(**changes: Any) -> RoomScript:
    """One person who speaks every few seconds for a minute."""
    lines = (
        Line("Hello, I think I am the first one here.", "Nora Lind"),
        Line("Let me use the time to go through my notes.", "Nora Lind", pause=2.0),
        Line("The contract is signed, and the first delivery is due on Friday.", "Nora Lind", pause=2.5),
    )
    defaults: dict[str, Any] = {"name": "one_person", "loop": True, "duration_s": 60}
    return RoomScript(people=(Person("Nora Lind", host=True),), conversation=lines, **{**defaults, **changes})


def four_people_demo(**changes: Any) -> RoomScript:
    """Four people talk for about 40 seconds; one writes in the chat, one shows slides; then the host ends the call."""
    people = (
        Person("Maya Patel", voice="slt", host=True),
        Person("Tom Becker", voice="rms"),
        Person("Aisha Khan", voice="slt", pitch_hz=225, speed=1.1),
        Person("Leo Martins", voice="awb"),
    )
    conversation = (
        Line("Good morning everyone, thanks for joining. Shall we start with the release?", "Maya Patel", at=1.5),
        Line("Sure. The build is green since yesterday evening, and all checks have passed.", "Tom Becker"),
        Line("That is great news. Did the migration run on the copy of the production data?", "Aisha Khan"),
        Line("It did, in four minutes. I put the report into the chat.", "Leo Martins"),
        Line("Thank you Leo. Tom, can you show us the dashboard?", "Maya Patel"),
        Line("Yes, one moment. Here you can see that response times went down by a third.", "Tom Becker", pause=1.0),
        Line("Impressive! What about the error rate?", "Aisha Khan"),
        Line("It is flat. We only had one timeout, and that was the test itself.", "Tom Becker"),
        Line("Then let us release on Thursday at ten. I will tell the support team.", "Leo Martins"),
        Line("Perfect. Thank you all, talk to you on Thursday.", "Maya Patel"),
    )
    script: dict[str, Any] = {
        "name": "four_people_demo",
        "people": people,
        "conversation": conversation,
        "chat": (ChatLine(17.0, "Leo Martins", "Migration report: https://reports.example.com/migration-42"),),
        "shares": (Share("Tom Becker", 23.0, 35.0, ("Dashboard", "Response times", "Error rate")),),
        "host": Host(ends_after_s=46.0),
    }
    return RoomScript(**{**script, **changes})


def six_people(minutes: float = 1.0, **changes: Any) -> RoomScript:
    """Six people with cameras talk in turns, now and then over each other; the conversation repeats for `minutes`."""
    names = ("Ada Brandt", "Ben Okafor", "Chloe Dubois", "Daniel Reyes", "Emma Sato", "Farid Nasser")
    ada, ben, chloe, daniel, emma, farid = names
    conversation = (
        Line("Good morning everyone, let us go through the agenda and see what is blocking us.", ada, at=1.0),
        Line("I finished the billing migration yesterday, the remaining work is the rollback plan.", ben),
        Line("From the design side we have three new screens, and I would like feedback before Thursday.", chloe),
        Line("The customer asked for an export to a spreadsheet, scheduled every Monday.", daniel),
        Line("Sorry, one question about that.", emma, pause=-0.6),
        Line("I think the outage was caused by the certificate renewal, we should add an alert for this.", emma),
        Line("Agreed, I will write the alert today and test it on the staging system.", farid),
        Line("Does anybody see a risk for the date?", ada),
        Line("Not from me.", ben),
        Line("Not from me either.", chloe, pause=-0.3),
        Line("Thank you all, I will send the notes after the call, and see you again next week.", ada),
    )
    script: dict[str, Any] = {
        "name": "six_people",
        "people": (Person(ada, host=True), *(Person(name) for name in names[1:])),
        "conversation": conversation,
        "loop": True,
        "duration_s": minutes * 60,
    }
    return RoomScript(**{**script, **changes})


def busy_minute(**changes: Any) -> RoomScript:
    """What may happen to media within a minute: late joiner, camera off, small picture, screen share, mute."""
    base = six_people(1.0)
    ada, ben, chloe, daniel, emma, farid = base.people
    people = (
        ada,
        Person(ben.name, low_layer=(Span(10, 20),)),
        Person(chloe.name, camera_off=(Span(15, 30),)),
        Person(daniel.name, joins_at=8.0),
        Person(emma.name, leaves_at=50.0),
        Person(farid.name, camera=False, muted=(Span(0, 4),)),
    )
    script: dict[str, Any] = {
        "name": "busy_minute",
        "people": people,
        "conversation": base.conversation,
        "loop": True,
        "duration_s": 60,
        "shares": (Share(ada.name, 22, 38),),
        "chat": (ChatLine(12, ben.name, "I am on a slow line, sorry."),),
    }
    return RoomScript(**{**script, **changes})


PRESETS: dict[str, Callable[..., RoomScript]] = {
    "one_person": one_person,
    "four_people_demo": four_people_demo,
    "six_people": six_people,
    "busy_minute": busy_minute,
}


def preset(name: str, **changes: Any) -> RoomScript:
    """A ready room by name.

    Raises:
        InvalidRequest: there is no such preset, or it does not take these changes.
    """
    if name not in PRESETS:
        raise InvalidRequest(f"'{name}' is none of {', '.join(PRESETS)}.", code="invalid_script")
    try:
        return PRESETS[name](**changes)
    except (TypeError, ValueError) as error:
        raise InvalidRequest(f"Preset {name}: {error}", code="invalid_script") from error
