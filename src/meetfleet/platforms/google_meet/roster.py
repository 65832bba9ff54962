"""Who is in the meeting: users and media sources as they arrive piece by piece, put together into full pictures."""

from dataclasses import dataclass, field

from meetfleet.platforms.google_meet.wire import Collection, DeviceOutput, MeetUser, OutputType, UserStatus
from meetfleet.tape.records import Participant, Roster, SourceRef


@dataclass(slots=True)
class MeetRoster:
    """Keeps the latest of every device; `picture` is what the tape gets.

    A screen share arrives as a user of its own with a parent: it is no person, its video is a source of the parent.
    """

    _users: dict[str, MeetUser] = field(default_factory=dict[str, MeetUser])
    _outputs: dict[tuple[str, int, str], DeviceOutput] = field(default_factory=dict[tuple[str, int, str], DeviceOutput])
    self_id: str | None = None
    self_status: int = UserStatus.IN_MEETING

    def update(self, collection: Collection) -> bool:
        """Takes what one message tells. Returns whether the picture may have changed."""
        for user in collection.users:
            self._take_user(user)
        for output in collection.outputs:
            self._take_output(output)
        return bool(collection.users or collection.outputs)

    def replace(self, snapshot: Collection) -> bool:
        """Takes the server's full list: whoever is not on it has left."""
        listed = {user.device_id for user in snapshot.users}
        for device_id in self._users.keys() - listed:
            del self._users[device_id]
        return self.update(snapshot)

    def name_of(self, device_id: str) -> str:
        user = self._users.get(device_id)
        if user is not None and user.parent_device_id:
            return self.name_of(user.parent_device_id) if user.parent_device_id != device_id else user.name
        return user.name if user else ""

    def is_self(self, device_id: str) -> bool:
        return device_id == self.self_id

    @property
    def picture(self) -> Roster:
        """Everybody present, in the order of their device ids' arrival."""
        people = [u for u in self._users.values() if u.parent_device_id is None]
        return Roster(tuple(self._participant(user) for user in people))

    def _take_user(self, user: MeetUser) -> None:
        if user.is_self:
            self.self_id = user.device_id
            self.self_status = user.status
        if user.status in (UserStatus.NOT_IN_MEETING, UserStatus.REMOVED):
            self._users.pop(user.device_id, None)
            self._drop_outputs(user.device_id)
            return
        known = self._users.get(user.device_id)
        if known is not None and not user.name:
            return  # a partial update without a name says nothing that we keep
        self._users[user.device_id] = user

    def _take_output(self, output: DeviceOutput) -> None:
        if not output.stream_id:
            return
        # A stream belongs to one device at a time, and a device has one stream of a kind: a newer claim wins.
        for key, held in list(self._outputs.items()):
            same_stream = held.type == output.type and held.stream_id == output.stream_id
            same_place = held.type == output.type and held.device_id == output.device_id
            if same_stream or same_place:
                del self._outputs[key]
        self._outputs[(output.device_id, output.type, output.stream_id)] = output

    def _drop_outputs(self, device_id: str) -> None:
        for key in [k for k in self._outputs if k[0] == device_id]:
            del self._outputs[key]

    def _participant(self, user: MeetUser) -> Participant:
        shares = [u.device_id for u in self._users.values() if u.parent_device_id == user.device_id]
        sources = [_source(o, is_screen=False) for o in self._of(user.device_id)]
        for share in shares:
            sources += [_source(o, is_screen=True) for o in self._of(share)]
        return Participant(
            participant_id=user.device_id,
            name=user.name,
            is_self=self.is_self(user.device_id),
            is_host=user.is_host,
            avatar_url=user.avatar_url,
            sources=tuple(s for s in sources if s is not None),
        )

    def _of(self, device_id: str) -> list[DeviceOutput]:
        return [o for o in self._outputs.values() if o.device_id == device_id]


def _source(output: DeviceOutput, *, is_screen: bool) -> SourceRef | None:
    if output.type == OutputType.AUDIO and output.stream_id.isascii() and output.stream_id.isdigit():
        return SourceRef("audio", csrc=int(output.stream_id), is_screen=is_screen, muted=output.disabled)
    if output.type == OutputType.VIDEO:
        return SourceRef("video", stream_id=output.stream_id, is_screen=is_screen, muted=output.disabled)
    return None
