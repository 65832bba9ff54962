"""The lab: a meeting simulator with scripted people, real WebRTC media and replicas of meeting platforms.

async with Lab() as lab:
    room = await lab.open_room(four_people_demo())
    # start a browser with lab.chromium_args and open room.meeting_url
    await room.wait_for("bot_admitted", 30)
    room.truth()
"""

from meetfleet.lab.client import LabClient
from meetfleet.lab.lab import Lab
from meetfleet.lab.presets import four_people_demo, one_person, six_people
from meetfleet.lab.room import Room
from meetfleet.lab.script import RoomScript, script_from

__all__ = ["Lab", "LabClient", "Room", "RoomScript", "four_people_demo", "one_person", "script_from", "six_people"]
