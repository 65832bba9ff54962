"""What the replica says beside media: data channels, the roster RPC, chat, captions, and the page's own marks."""

import asyncio
import base64
import json
import zlib
from dataclasses import replace
from typing import Any

import pytest
from labkit import Visitor, at_the_door, two_people

from meetfleet.lab.protobuf import fields, first
from meetfleet.lab.script import CaptionPath, ChatLine, Host, Media, Person, Rename, Share

pytestmark = pytest.mark.lab

# Keeps every data channel message and every roster answer, as a recorder would get them.
EAVESDROP = """
window.heard_ = [];
const keep = (label, bytes) => window.heard_.push([label, btoa(String.fromCharCode(...new Uint8Array(bytes)))]);
const listen = (channel) => channel.addEventListener('message', ({ data }) => keep(channel.label, data));
const create = RTCPeerConnection.prototype.createDataChannel;
RTCPeerConnection.prototype.createDataChannel = function (...args) {
  const channel = create.apply(this, args); listen(channel); return channel;
};
const Real = window.RTCPeerConnection;
window.RTCPeerConnection = class extends Real {
  constructor(config) { super(config); this.addEventListener('datachannel', (event) => listen(event.channel)); }
};
const fetch_ = window.fetch;
window.fetch = async (url, ...rest) => {
  const answer = await fetch_(url, ...rest);
  if (String(url).includes('SyncMeetingSpaceCollections')) keep('snapshot', await answer.clone().arrayBuffer());
  return answer;
};
"""


async def heard(v: Visitor, label: str) -> list[bytes]:
    return [base64.b64decode(text) for name, text in await v.page.evaluate("window.heard_") if name == label]


async def until_heard(v: Visitor, label: str, count: int = 1, timeout_s: float = 12) -> list[bytes]:
    await v.until(f"window.heard_.filter(([label]) => label === '{label}').length >= {count}", timeout_s)
    return await heard(v, label)


def users(body: bytes, *path: int) -> dict[str, dict[int, Any]]:
    """Users by device id, out of a message; `path` leads to their list."""
    people = first(body, *path)
    assert isinstance(people, bytes)
    found = [dict(fields(user)) for number, user in fields(people) if number == 2 and isinstance(user, bytes)]
    return {str(user[1], "utf8"): user for user in found if isinstance(user[1], bytes)}


async def test_the_roster_names_everybody_and_whose_sound_and_picture_is_whose() -> None:
    async with at_the_door(two_people(), EAVESDROP) as v:
        await v.join("Recorder")
        bodies = [zlib.decompress(b) for b in await until_heard(v, "collections")]
        truth = v.room.truth(sent=False)
    roster = users(bodies[0], 1, 2, 13, 1)
    names = {str(user[2], "utf8"): user for user in roster.values()}
    assert set(names) == {"Ann", "Bob", "Recorder"}
    assert [name for name, user in names.items() if 7 in user] == ["Recorder"]
    assert [name for name, user in names.items() if user.get(34)] == ["Ann"]
    wrapper = first(bodies[0], 1, 2, 3)
    assert isinstance(wrapper, bytes)
    outputs = [dict(fields(o)) for n, o in fields(wrapper) if n == 2 and isinstance(o, bytes)]
    audio = {str(o[6], "utf8"): str(o[4], "utf8") for o in outputs if o[2] == 1}
    assert audio == {p["device_id"]: str(p["csrc"]) for p in truth["participants"]}
    video = {str(o[6], "utf8"): str(o[4], "utf8") for o in outputs if o[2] == 2}
    assert video == {p["device_id"]: p["video_stream_id"] for p in truth["participants"]}


async def test_joins_and_renames_are_pushed_but_leaves_stand_in_the_next_snapshot_only() -> None:
    people = (
        Person("Ann", renames=(Rename(1.0, "Ann Clark"),)),
        Person("Bob", leaves_at=2.0),
        Person("Cyd", joins_at=1.0),
    )
    async with at_the_door(two_people(people=people, conversation=()), EAVESDROP) as v:
        await v.join()
        await v.room.wait_for("left", 10)
        before = len(await heard(v, "snapshot"))
        bodies = [users(zlib.decompress(b), 1, 2, 13, 1) for b in await until_heard(v, "collections", 3)]
        snapshots = await until_heard(v, "snapshot", before + 1)
        last = users(base64.b64decode(snapshots[-1]), 2, 2)
    pushed = {str(user[2], "utf8") for body in bodies for user in body.values()}
    assert {"Ann Clark", "Cyd"} <= pushed
    assert {str(user[2], "utf8") for user in last.values()} == {"Ann Clark", "Cyd", "Recorder"}


async def test_a_screen_share_is_a_device_with_a_parent_and_a_picture_of_its_own() -> None:
    script = two_people(conversation=(), shares=(Share("Bob", 0.5, 3.0, ("One",)),))
    async with at_the_door(script, EAVESDROP) as v:
        await v.join()
        await v.room.wait_for("share_started", 5)
        await v.until("[...document.querySelectorAll('.tile')].some(t => t.innerText.includes('Bob (Presenting)'))")
        (share,) = v.room.truth(sent=False)["shares"]
        seen = [users(zlib.decompress(b), 1, 2, 13, 1) for b in await heard(v, "collections")]
    parents = {device: str(user[21], "utf8") for body in seen for device, user in body.items() if 21 in user}
    assert parents == {share["device_id"]: share["parent_device_id"]}


async def test_speakers_are_told_by_dcrpc_and_marked_in_the_page() -> None:
    async with at_the_door(two_people(), EAVESDROP) as v:
        await v.join()
        await v.until("!!document.querySelector('.tile.speaking')")
        speaker = await v.page.evaluate("document.querySelector('.tile.speaking').getAttribute('data-participant-id')")
        assert speaker == v.room.truth(sent=False)["participants"][0]["device_id"]
        messages = await until_heard(v, "dcrpc", 2)
    flags = [first(zlib.decompress(first(m, 2), 31), 1, 9, 2) for m in messages if first(m, 2)]
    assert 1 in flags


async def test_captions_come_as_revisions_and_end_with_a_final_one() -> None:
    async with at_the_door(two_people(), EAVESDROP) as v:
        await v.join()
        await v.click("Turn on captions")
        await v.room.wait_for("captions_on", 5)
        await v.until("document.querySelector('[role=region][aria-label=Captions] .KcIKyf')?.textContent === 'Ann'")
        async with asyncio.timeout(15):
            while True:
                bodies = [first(zlib.decompress(b), 1) for b in await heard(v, "captions")]
                captions = [dict(fields(b)) for b in bodies if isinstance(b, bytes)]
                if any(c[4] for c in captions):
                    break
                await asyncio.sleep(0.2)
        truth = v.room.truth(sent=False)
    by_id: dict[Any, list[dict[int, Any]]] = {}
    for caption in captions:
        by_id.setdefault((caption[1], caption[2]), []).append(caption)
    final = next(revisions for revisions in by_id.values() if revisions[-1][4])
    assert [revision[3] for revision in final] == sorted({revision[3] for revision in final})
    assert str(final[-1][6], "utf8") in {line["text"] for line in truth["lines"]}
    assert [bool(revision[4]) for revision in final[:-1]] == [False] * (len(final) - 1)


async def test_captions_of_the_page_only_stay_off_the_data_channel() -> None:
    async with at_the_door(two_people().with_page(captions=CaptionPath.DOM), EAVESDROP) as v:
        await v.join()
        await v.click("Turn on captions")
        await v.until("!!document.querySelector('[role=region][aria-label=Captions] .nMcdL')")
        assert await heard(v, "captions") == []


async def test_chat_goes_both_ways() -> None:
    script = two_people(conversation=(), chat=(ChatLine(0.5, "Bob", "Here is the link"),))
    async with at_the_door(script, EAVESDROP) as v:
        await v.join()
        await v.until("document.body.innerText.includes('Bob: Here is the link')")
        await v.until("!!document.querySelector('[aria-label=\"Chat with everyone - New message\"]')")
        await v.click("Chat with everyone - New message")
        await v.until("!!document.querySelector('textarea[aria-label=\"Send a message\"]')")
        await v.page.evaluate("document.querySelector('textarea').focus()")
        await v.page.insert_text("Hello from the recorder, ümläut")
        await v.page.press("Enter")
        received = await v.room.wait_for("chat_received", 5)
        assert received.data["text"] == "Hello from the recorder, ümläut"
        await v.until("document.querySelectorAll('[data-panel-id=\"2\"] [data-message-id]').length === 2")
        chat = v.room.truth(sent=False)["chat"]
        bodies = [zlib.decompress(b) for b in await heard(v, "collections")]
    assert [(c["name"], c["bot"]) for c in chat] == [("Bob", False), ("Recorder", True)]
    texts = [first(b, 1, 2, 13, 4, 2, 5, 1) for b in bodies]
    assert b"Here is the link" in texts


async def test_a_disabled_chat_has_no_text_field() -> None:
    async with at_the_door(two_people(conversation=()).with_page(chat=False)) as v:
        await v.join()
        await v.click("Chat with everyone")
        await v.until("document.body.innerText.includes('Only the host can send messages')")
        assert not await v.page.evaluate("!!document.querySelector('textarea')")


async def test_malformed_collections_leave_the_roster_to_the_page() -> None:
    async with at_the_door(two_people(conversation=(), scenario="malformed_collections"), EAVESDROP) as v:
        await v.join()
        for body in await until_heard(v, "collections", 5):
            with pytest.raises(zlib.error):
                zlib.decompress(body)
        await v.click("People")
        rows = "[...document.querySelectorAll('[aria-label=Participants][role=list] [role=listitem]')]"
        await v.until(f"{rows}.length === 3")
        names = await v.page.evaluate(f"{rows}.map(r => r.getAttribute('aria-label'))")
        assert names == ["Ann", "Bob", "Recorder"]


async def test_everybody_leaving_leaves_the_bot_alone_in_the_roster() -> None:
    people = (Person("Ann", leaves_at=1.0), Person("Bob", leaves_at=1.5))
    async with at_the_door(two_people(people=people, conversation=()), EAVESDROP) as v:
        await v.join()
        await v.until("document.querySelectorAll('main [data-participant-id]').length === 1", 10)


async def test_people_can_be_made_to_speak_mute_and_share_by_hand() -> None:
    script = replace(
        two_people(conversation=()), shares=(Share("Ann", 1e6),), host=Host(0.1), media=Media(video_loop_s=4)
    )
    async with at_the_door(script) as v:
        await v.join()
        said = await v.room.do("say", who="Bob", text="This was not in the script.")
        await v.until("document.querySelector('.tile.speaking .notranslate')?.textContent === 'Bob'", 15)
        await v.room.do("share", who="Ann")
        await v.until("document.body.innerText.includes('Ann (Presenting)')")
        await v.room.do("stop_share", who="Ann")
        await v.until("!document.body.innerText.includes('Ann (Presenting)')")
        await v.room.do("chat", who="Ann", text="typed by hand")
        await v.until("document.body.innerText.includes('typed by hand')")
        lines = v.room.truth(sent=False)["lines"]
    assert [(line["speaker"], line["text"], line["start_ns"]) for line in lines] == [
        ("Bob", "This was not in the script.", said["start_ns"])
    ]
    assert json.dumps(lines)
