"""Between a room and the Google Meet pages of its visitors: what they send, what they are told, and in which form."""

import asyncio
import os
from typing import Any

import structlog

from meetfleet.lab.actor import Actor
from meetfleet.lab.replicas.google_meet import wire
from meetfleet.lab.room import Room
from meetfleet.lab.script import CaptionPath, Lobby
from meetfleet.lab.stage import Caption, Said
from meetfleet.lab.visit import Visit, VisitState

log = structlog.get_logger()

ASKING = ("Ask to join", "Ask to join anyway", "Teilnahme erbitten")
MALFORMED_MESSAGES = 5
KEEP_ALIVE_S = 5.0


class MeetDesk:
    """Serves one room's pages."""

    def __init__(self, room: Room) -> None:
        self.room = room
        self._sequence = 0
        tell = room.stage.tell
        tell.roster.append(self._roster_changed)
        tell.speaking.append(self._speaking_changed)
        tell.chat.append(self._chatted)
        tell.caption.append(self._captioned)
        room.visit_changed.append(self._visit_changed)
        room.channel_opened.append(lambda visit, label: self._greet(visit) if label == "collections" else None)
        room.page_message.append(self._from_channel)
        self._alive = asyncio.create_task(self._keep_alive())

    async def close(self) -> None:
        self._alive.cancel()
        await asyncio.gather(self._alive, return_exceptions=True)

    # ---- from the page

    async def from_page(self, visit: Visit, message: dict[str, Any]) -> None:
        """Takes one message of the page's socket."""
        handler = self._handlers().get(message.get("t", ""))
        if handler:
            await handler(visit, message)
        else:
            self.room.events.add(f"page_{message.get('t')}", visit.id, **_plain(message))

    def _handlers(self) -> dict[str, Any]:
        return {
            "ask": self._ask,
            "leave": self._leave,
            "offer": self._offer,
            "captions": self._captions,
            "device": self._device,
            "chat": self._chat,
        }

    async def _ask(self, visit: Visit, message: dict[str, Any]) -> None:
        button = str(message["button"])
        direct = self.room.script.page.lobby is Lobby.NONE or button not in ASKING
        self.room.ask(visit, str(message["name"]), button=button, direct=direct)

    async def _leave(self, visit: Visit, message: dict[str, Any]) -> None:
        await self.room.finish(visit, VisitState.LEFT)

    async def _offer(self, visit: Visit, message: dict[str, Any]) -> None:
        answer = await self.room.connect(visit, message["sdp"], message["streams"], fresh=bool(message["fresh"]))
        if answer:
            visit.tell({"t": "answer", "id": message["id"], "sdp": answer})

    async def _captions(self, visit: Visit, message: dict[str, Any]) -> None:
        visit.captions = bool(message["on"])
        self.room.events.add("captions_on" if visit.captions else "captions_off", visit.id)

    async def _device(self, visit: Visit, message: dict[str, Any]) -> None:
        if message["kind"] == "microphone":
            visit.microphone = bool(message["on"])
        else:
            visit.camera = bool(message["on"])
        self.room.events.add(f"{message['kind']}_{'on' if message['on'] else 'off'}", visit.id)

    async def _chat(self, visit: Visit, message: dict[str, Any]) -> None:
        """The way of a page whose data channels are closed."""
        self.room.chat_from_bot(visit, str(message["text"]))

    def _from_channel(self, visit: Visit, label: str, data: bytes) -> None:
        text = wire.read_chat_request(data) if label == "meet_messages" else None
        if text is not None:
            self.room.chat_from_bot(visit, text)

    # ---- to the page

    def _visit_changed(self, visit: Visit) -> None:
        visit.tell(
            {
                "t": "state",
                "state": visit.state,
                "people": self.people(visit) if visit.state is VisitState.IN_CALL else None,
            }
        )
        self._roster_changed(but=visit)

    def resume(self, visit: Visit) -> None:
        """A page's socket is open (again): tells it where it stands."""
        if visit.state is not VisitState.GREEN_ROOM:
            people = self.people(visit) if visit.state is VisitState.IN_CALL else None
            visit.tell({"t": "state", "state": visit.state, "people": people})

    def people(self, visit: Visit) -> dict[str, Any]:
        """Everything that the page draws tiles and lists from, and the streams it asks for."""
        room, stage = self.room, self.room.stage
        cameras = room.script.media.cameras
        return {
            "self": visit.device_id,
            "people": [
                {
                    "id": actor.device_id,
                    "name": actor.name,
                    "host": actor.person.host,
                    "muted": not actor.unmuted.now,
                    "speaks": actor.speaks,
                    "video": actor.video_stream_id if cameras and actor.camera_on.now else None,
                }
                for actor in stage.present
            ]
            + [
                {"id": v.device_id, "name": v.name, "host": False, "muted": True, "speaks": False, "video": None}
                for v in room.in_call
            ],
            "shares": [
                {"id": s.device_id, "parent": s.actor.device_id, "name": s.actor.name, "video": s.video_stream_id}
                for s in stage.sharing
            ],
        }

    def snapshot(self, visit: Visit) -> bytes:
        """Body of `SyncMeetingSpaceCollections`: everybody who is here now."""
        self._sequence += 1
        return wire.snapshot(sequence=self._sequence, users=self._users(visit))

    def _greet(self, visit: Visit) -> None:
        """The first messages on `collections`, once it is open."""
        if self.room.script.page.collections == "malformed":
            for _ in range(MALFORMED_MESSAGES):
                self._post(visit, "collections", os.urandom(60))
            return
        self._send_roster(visit)

    def _roster_changed(self, but: Visit | None = None) -> None:
        for visit in self.room.in_call:
            if visit is not but:
                visit.tell({"t": "people", "people": self.people(visit)})
            self._send_roster(visit)

    def _send_roster(self, visit: Visit) -> None:
        """Who is new or changed is told at once. Who left is not: that stands in the next snapshot only."""
        if self.room.script.page.collections == "malformed":
            self._post(visit, "collections", os.urandom(60))
            return
        self._sequence += 1
        body = wire.collections(sequence=self._sequence, users=self._users(visit), outputs=self._outputs())
        self._post(visit, "collections", body)

    def _users(self, visit: Visit) -> list[wire.User]:
        stage = self.room.stage
        users = [wire.User(a.device_id, a.name, is_host=a.person.host) for a in stage.present]
        users += [wire.User(v.device_id, v.name or "", is_self=v is visit) for v in self.room.in_call]
        users += [wire.User(s.device_id, s.actor.name, parent_device_id=s.actor.device_id) for s in stage.sharing]
        return users

    def _outputs(self) -> list[wire.Output]:
        found: list[wire.Output] = []
        for actor in self.room.stage.present:
            found += [_audio(actor), _video(actor)]
        for share in self.room.stage.sharing:
            found.append(wire.Output(share.device_id, wire.OutputType.VIDEO, share.video_stream_id))
        return found

    def _speaking_changed(self) -> None:
        stage = self.room.stage
        ids = [actor.device_id for actor in stage.present if actor.speaks]
        flags = [(actor.device_id, actor.csrc, actor.speaks) for actor in stage.present]
        for visit in self.room.in_call:
            visit.tell({"t": "speaking", "ids": ids})
            self._post(visit, "dcrpc", wire.speaking(flags))

    def _chatted(self, said: Said) -> None:
        chat = wire.Chat(said.message_id, said.device_id, said.text, said.at_ns // 1_000_000)
        for visit in self.room.in_call:
            own = said.device_id == visit.device_id
            visit.tell({"t": "chat", "id": said.message_id, "name": said.name, "text": said.text, "own": own})
            if self.room.script.page.collections != "malformed":
                self._sequence += 1
                self._post(visit, "collections", wire.collections(sequence=self._sequence, chats=[chat]))

    def _captioned(self, c: Caption) -> None:
        path = self.room.script.page.captions
        if path is CaptionPath.OFF:
            return
        body = wire.caption(wire.Caption(c.device_id, c.caption_id, c.version, c.text, c.is_final))
        for visit in self.room.in_call:
            if visit.captions:
                row = {"id": f"{c.device_id}/{c.caption_id}", "name": c.name, "text": c.text, "final": c.is_final}
                visit.tell({"t": "caption", **row})
                if path is CaptionPath.CHANNEL:
                    self._post(visit, "captions", body)

    async def _keep_alive(self) -> None:
        counter = 0
        while True:
            await asyncio.sleep(KEEP_ALIVE_S)
            counter += 1
            for visit in self.room.in_call:
                self._post(visit, "dcrpc", wire.keep_alive(counter))

    def _post(self, visit: Visit, label: str, body: bytes) -> None:
        if visit.session and self.room.network_up:
            visit.session.post(label, body)


def _audio(actor: Actor) -> wire.Output:
    return wire.Output(actor.device_id, wire.OutputType.AUDIO, str(actor.csrc), disabled=not actor.unmuted.now)


def _video(actor: Actor) -> wire.Output:
    return wire.Output(actor.device_id, wire.OutputType.VIDEO, actor.video_stream_id, disabled=not actor.camera_on.now)


def _plain(message: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in message.items() if key not in ("t", "type", "visit", "n", "at_ns")}
