"""The sandbox: meetings that a caller can order, by a meeting code or by words, to test an integration against."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self, cast

from meetfleet.domain.errors import InvalidRequest
from meetfleet.domain.link import Drill, DrillTarget, Timeouts

EXTRA_KEY = "sandbox"
MAX_SECONDS = 3600.0
NAMES = ("Ada Brandt", "Ben Okafor", "Chloe Dubois", "Daniel Reyes", "Emma Sato", "Farid Nasser")
LINES = (
    "Good morning everyone, let us go through the agenda.",
    "The build is green, and the migration ran on the copy of the production data.",
    "I have one question about the date of the release.",
    "Thursday at ten is fine with me, I will tell the support team.",
    "Then let us do it, and please write down what is still open.",
    "I will send the notes after the call.",
)
WAITS = Timeouts(waiting_room_s=10, no_one_joined_s=10, everyone_left_s=5, silence_s=15, grace_s=5, join_s=60)
"""The longest that a sandbox bot waits, whatever its request says: nobody's tests shall wait for ten minutes."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """A meeting with a known course.

    Attributes:
        code: The meeting code that orders it, three words of ten letters run together.
        seconds: When it happens, or how long it goes on, unless the caller says otherwise.
        expected: What the caller gets to see of it.
        room: Parts of the lab's room script; the text `SECONDS` stands for the number.
        people: How many there are, unless the caller says otherwise.
        speaks: Whether they say anything.
        drill: What is to break.
        transcription: What becomes of the transcript: `fail`, or nothing special.
    """

    code: str
    about: str
    expected: str
    seconds: float = 10
    room: Mapping[str, Mapping[str, Any]] = field(default_factory=dict[str, Mapping[str, Any]])
    people: int = 2
    speaks: bool = True
    drill: DrillTarget | None = None
    transcription: str | None = None


SECONDS = "SECONDS"
_ENDS = {"host": {"ends_after_s": SECONDS}}
_REMOVED = "failed, `BOT_REMOVED_TOO_EARLY`; with 60 seconds and more completed"

SCENARIOS: dict[str, Scenario] = {
    "happy_path": Scenario("hap-pypa-ths", "Two people talk; the host ends the call.", "completed", 30, _ENDS),
    "host_ends": Scenario("hos-tend-sit", "The same, sooner.", "completed", 10, _ENDS),
    "everyone_leaves": Scenario("eve-ryon-ego", "All others leave; so does the bot, 5 seconds later.", "completed"),
    "silence": Scenario("sil-entc-all", "Nobody says a word for 15 seconds.", "completed", 120, _ENDS, speaks=False),
    "chat": Scenario("cha-tter-box", "People write in the chat while they talk.", "completed", 20, _ENDS),
    "screen_share": Scenario("scr-eens-har", "Somebody shows slides while they talk.", "completed", 20, _ENDS),
    "long": Scenario("lon-gmee-tup", "A call of ten minutes.", "completed", 600, _ENDS, people=3),
    "nobody_joins": Scenario("nob-odyh-ere", "The bot is alone, and leaves after 10 seconds.", "completed", people=0),
    "lobby_timeout": Scenario(
        "lob-bywa-its",
        "Nobody lets the bot in; it gives up after 10 seconds.",
        "failed, `TIMEOUT_WAITING_TO_START`",
        room={"host": {"admits_after_s": None}},
    ),
    "denied": Scenario(
        "acc-essd-eny",
        "The host denies the bot's request.",
        "failed, `BOT_NOT_ACCEPTED`",
        2,
        {"host": {"denies_after_s": SECONDS}},
    ),
    "removed": Scenario(
        "bot-remo-ved", "The host removes the bot.", _REMOVED, 10, {"host": {"removes_after_s": SECONDS}}
    ),
    "no_such_meeting": Scenario(
        "nom-eeti-ngs",
        "There is no such meeting.",
        "failed, `CANNOT_JOIN_MEETING`",
        room={"page": {"load": "not_found"}},
    ),
    "login_required": Scenario(
        "sig-ninw-all",
        "Only people who are signed in may join.",
        "failed, `LOGIN_REQUIRED`",
        room={"page": {"load": "sign_in"}},
    ),
    "browser_crash": Scenario(
        "tab-cras-hes",
        "The bot's browser dies while it records.",
        "failed, `GENERAL_ERROR`; with what was recorded until then",
        room={"host": {"ends_after_s": 600}},
        drill=DrillTarget.BROWSER,
    ),
    "bot_crash": Scenario(
        "bot-cras-hes",
        "The bot's process is killed while it records.",
        "failed, `FORCE_KILLED`; with what was recorded until then",
        room={"host": {"ends_after_s": 600}},
        drill=DrillTarget.PROCESS,
    ),
    "transcription_fails": Scenario(
        "tra-nscf-ail",
        "The call goes well, but no transcript can be made.",
        "failed, `TRANSCRIPTION_FAILED`, if the request asks for a transcript",
        15,
        _ENDS,
        transcription="fail",
    ),
}
DEFAULT = "happy_path"
_BY_CODE = {scenario.code: name for name, scenario in SCENARIOS.items()}


@dataclass(frozen=True, slots=True)
class Order:
    """What a caller wants of the sandbox.

    Attributes:
        seconds: When it happens, or how long it goes on.
    """

    scenario: str = DEFAULT
    people: int = 2
    seconds: float = 30
    transcription: str | None = None

    @classmethod
    def of(cls, native_id: str, extra: Mapping[str, Any] | None) -> Self:
        """What a request orders: by `extra.sandbox`, else by the code of its meeting, else the happy path.

        Args:
            native_id: The platform's name for the meeting.

        Raises:
            InvalidRequest: `invalid_sandbox`, if `extra.sandbox` cannot be understood.
        """
        wish = _wish(extra)
        name = wish.get("scenario", _BY_CODE.get(native_id, DEFAULT))
        if not isinstance(name, str) or name not in SCENARIOS:
            raise _unclear("scenario", f"must be one of {', '.join(SCENARIOS)}")
        scenario = SCENARIOS[name]
        transcription = wish.get("transcription", scenario.transcription)
        if transcription not in (None, "fail"):
            raise _unclear("transcription", "must be 'fail', if anything")
        people = _number(wish, "people", scenario.people, len(NAMES))
        return cls(name, int(people), _number(wish, "seconds", scenario.seconds, MAX_SECONDS), transcription)

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Self:
        return cls(raw["scenario"], raw["people"], raw["seconds"], raw["transcription"])

    def to_dict(self) -> dict[str, Any]:
        return {
            "scenario": self.scenario,
            "people": self.people,
            "seconds": self.seconds,
            "transcription": self.transcription,
        }

    @property
    def drill(self) -> Drill | None:
        """What is to break in the bot."""
        target = SCENARIOS[self.scenario].drill
        return Drill(target, self.seconds) if target else None

    def room(self) -> dict[str, Any]:
        """The script of a room of the lab in which it happens."""
        scenario, people = SCENARIOS[self.scenario], NAMES[: self.people]
        leaves_at = self.seconds if self.scenario == "everyone_leaves" else None
        talk = people if scenario.speaks else ()
        return {
            "name": f"sandbox {self.scenario}",
            "people": [
                {"name": name, "host": n == 0, **({"leaves_at": leaves_at} if leaves_at else {})}
                for n, name in enumerate(people)
            ],
            "conversation": [{"who": talk[n % len(talk)], "text": line} for n, line in enumerate(LINES) if talk],
            "chat": self._chat(people),
            "shares": [{"who": people[0], "start": 3}] if self.scenario == "screen_share" and people else [],
            "media": {"video_loop_s": 4},
            "loop": bool(talk),
            "duration_s": max(120.0, 2 * self.seconds),
            "sent_log": False,
            **{
                part: {key: self.seconds if value == SECONDS else value for key, value in values.items()}
                for part, values in scenario.room.items()
            },
        }

    def _chat(self, people: tuple[str, ...]) -> list[dict[str, Any]]:
        if self.scenario != "chat" or not people:
            return []
        texts = ("Hello from the chat.", "The report: https://example.com/report?id=42", "Thank you all. \U0001f44b")
        return [{"at": 3 * (n + 1), "who": people[n % len(people)], "text": text} for n, text in enumerate(texts)]


def shortened(timeouts: Timeouts) -> Timeouts:
    """A bot's waits in the sandbox: its own, but never longer than `WAITS`; recordings may be as long as ever."""
    names = ("waiting_room_s", "no_one_joined_s", "everyone_left_s", "silence_s", "grace_s", "join_s")
    return replace(timeouts, **{name: min(getattr(timeouts, name), getattr(WAITS, name)) for name in names})


def _wish(extra: Mapping[str, Any] | None) -> Mapping[str, Any]:
    given = (extra or {}).get(EXTRA_KEY, {})
    if not isinstance(given, Mapping):
        raise InvalidRequest("extra.sandbox: must be an object", code="invalid_sandbox")
    wish = cast(Mapping[str, Any], given)
    unknown = set(wish) - {"scenario", "people", "seconds", "transcription"}
    if unknown:
        raise InvalidRequest(f"extra.sandbox: does not know {', '.join(sorted(unknown))}", code="invalid_sandbox")
    return wish


def _number(wish: Mapping[str, Any], key: str, default: float, maximum: float) -> float:
    value = wish.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise _unclear(key, "must be a number")
    if not 0 <= value <= maximum:
        raise _unclear(key, f"must be between 0 and {maximum:g}")
    return value


def _unclear(key: str, why: str) -> InvalidRequest:
    return InvalidRequest(f"extra.sandbox.{key}: {why}", code="invalid_sandbox")
