"""What can be done to a running room by hand: `await room.do("mute", who="Ann")`. docs/lab.md lists all of them."""

from collections.abc import Awaitable, Callable
from typing import Any

from meetfleet.domain.errors import InvalidRequest
from meetfleet.lab import casting
from meetfleet.lab.cues import Cue, CueKind
from meetfleet.lab.media.studio import SpeechOrder
from meetfleet.lab.room import Room
from meetfleet.lab.timeline import Utterance
from meetfleet.lab.visit import Visit, VisitState

SAY_DELAY_TICKS = 10
LIVE_NUMBER = 100_000
"""Line numbers of what is said by hand."""

Action = Callable[..., Awaitable[dict[str, Any] | None]]


async def do(room: Room, action: str, **args: Any) -> dict[str, Any]:
    """Does it now.

    Raises:
        InvalidRequest: no such action, person or bot, or the arguments do not fit it.
    """
    found = ACTIONS.get(action)
    if found is None:
        raise InvalidRequest(f"'{action}' is none of {', '.join(sorted(ACTIONS))}.", code="invalid_action")
    try:
        return await found(room, **args) or {}
    except TypeError as error:
        raise InvalidRequest(f"{action}: {error}", code="invalid_action") from error


def visits_of(room: Room, bot: str | None, *states: VisitState) -> list[Visit]:
    """Visitors by name or visit id (None: all) that are in one of the states."""
    found = [v for v in room.visits.values() if bot in (None, v.name, v.id) and v.state in states]
    if not found:
        raise InvalidRequest(f"There is no bot {bot or ''} that is {' or '.join(states)}.", code="no_such_bot")
    return found


async def _admit(room: Room, bot: str | None = None) -> None:
    for visit in visits_of(room, bot, VisitState.WAITING):
        await room.admit(visit)


def _finish(state: VisitState, *states: VisitState) -> Action:
    async def action(room: Room, bot: str | None = None) -> None:
        for visit in visits_of(room, bot, *states):
            await room.finish(visit, state)

    return action


def _switch(kind: CueKind, on: bool) -> Action:
    async def action(room: Room, who: str) -> None:
        _apply(room, Cue(0, kind, who, on))

    return action


async def _rename(room: Room, who: str, name: str) -> None:
    _apply(room, Cue(0, CueKind.RENAME, who, True, name))


async def _chat(room: Room, who: str, text: str) -> None:
    _apply(room, Cue(0, CueKind.CHAT, who, True, text))


async def _share(room: Room, who: str, number: int = 0) -> None:
    _apply(room, Cue(0, CueKind.SHARE, who, True, str(number)))


async def _say(room: Room, who: str, text: str) -> dict[str, Any]:
    """Speaks as soon as the speech is made and the person has finished the line before."""
    actor = room.stage.actors.get(who)
    if actor is None:
        raise InvalidRequest(f"'{who}' is not among the people.", code="no_such_person")
    clip = await room.studio.speech(SpeechOrder(text, casting.sound_of(actor.number, actor.person)))
    start = room.stage.tick + SAY_DELAY_TICKS
    while busy := actor.voice.busy(start, len(clip.clip.packets)):
        start = busy.end_tick + 1
    number = LIVE_NUMBER + len(actor.voice.utterances)
    actor.voice.add(Utterance(start, who, text, clip, number))
    return {"start_ns": room.time.ns(start, clip.audible_start_s), "end_ns": room.time.ns(start, clip.audible_end_s)}


def _network(up: bool) -> Action:
    async def action(room: Room) -> None:
        _apply(room, Cue(0, CueKind.NETWORK, "", up))

    return action


async def _dialog(room: Room, name: str) -> None:
    _tell(room, {"t": "dialog", "name": name})


async def _freeze(room: Room, seconds: float = 25) -> None:
    _tell(room, {"t": "freeze", "seconds": seconds})


def _tell(room: Room, message: dict[str, Any]) -> None:
    for visit in room.visits.values():
        if not visit.state.is_over:
            visit.tell(message)


def _apply(room: Room, cue: Cue) -> None:
    if cue.who and cue.who not in room.stage.actors:
        raise InvalidRequest(f"'{cue.who}' is not among the people.", code="no_such_person")
    try:
        room.stage.apply(cue)
    except KeyError as error:
        raise InvalidRequest(f"The script has no share {error}.", code="invalid_action") from error


ACTIONS: dict[str, Action] = {
    "admit": _admit,
    "deny": _finish(VisitState.DENIED, VisitState.WAITING),
    "no_answer": _finish(VisitState.NO_ANSWER, VisitState.WAITING),
    "remove_bot": _finish(VisitState.REMOVED, VisitState.IN_CALL),
    "end": _finish(VisitState.HOST_ENDED, VisitState.IN_CALL),
    "close_call": _finish(VisitState.CALL_ENDED, VisitState.IN_CALL),
    "drop_network": _network(False),
    "restore_network": _network(True),
    "mute": _switch(CueKind.UNMUTED, False),
    "unmute": _switch(CueKind.UNMUTED, True),
    "camera_on": _switch(CueKind.CAMERA, True),
    "camera_off": _switch(CueKind.CAMERA, False),
    "small_picture": _switch(CueKind.SMALL, True),
    "large_picture": _switch(CueKind.SMALL, False),
    "join": _switch(CueKind.PRESENT, True),
    "leave": _switch(CueKind.PRESENT, False),
    "share": _share,
    "stop_share": _switch(CueKind.SHARE, False),
    "rename": _rename,
    "chat": _chat,
    "say": _say,
    "dialog": _dialog,
    "freeze": _freeze,
}
