"""Reads a platform's `screens.toml` and recognises, with one look at the page, which of its screens is shown.

A rule is a tree of clauses. Groups: `any`, `all`, `not` (lists) and `at_least = {n, of}`. Leaves:

    text      visible text contains this (' and ’ are equal, case and blanks do not matter); with `css` only inside it
    exact     a button, or an element of `css`, whose text without icons is exactly this
    label     aria-label starts with this; `label_has`: contains it
    icon      a button with this icon ligature
    css       an element exists; with `visible = true` it is to be seen, with `min_size = [w, h]` it is that large
    host, host_not, url      the address: host names, or a regular expression

The first screen that holds wins, so the file's order is the order of trust. `[[dialogs]]` are looked for on every
screen and name the button that puts them away; `[targets]` are ordered lists of locators (the same leaves, and `last`).
Texts inside `words_of_people` (captions, chat, names) never count: anybody can say "the call ended".
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

from meetfleet.browser.page import Page
from meetfleet.domain.errors import MeetfleetError
from meetfleet.platforms.screen import Dialog, Screen, ScreenKind

EYES = Path(__file__).with_name("eyes.js").read_text(encoding="utf-8")
LOOK_TIMEOUT_S = 10.0

GROUPS = frozenset({"any", "all", "not", "at_least"})
LEAVES = frozenset({"text", "exact", "label", "label_has", "icon", "css", "host", "host_not", "url"})
QUALIFIERS = frozenset({"visible", "min_size", "last"})

Clause = Mapping[str, Any]


class ScreensFileInvalid(MeetfleetError):
    """A `screens.toml` says something that we cannot read."""

    def __init__(self, message: str) -> None:
        super().__init__(message, code="screens_file_invalid")


@dataclass(frozen=True, slots=True)
class Found:
    """An element of the page.

    Attributes:
        x, y: Its centre in CSS pixels of the viewport; 0 while it is not visible.
        index: Which locator found it.
        covered: Something else lies over it, so that a click would miss.
        value: What an input holds; None for other elements.
    """

    x: float
    y: float
    index: int
    visible: bool
    covered: bool
    covered_by: str
    disabled: bool
    label: str
    value: str | None
    focused: bool


@dataclass(frozen=True)
class Screens:
    """One platform's rules."""

    screens: tuple[Clause, ...]
    dialogs: tuple[Clause, ...]
    targets: Mapping[str, tuple[Clause, ...]]
    words_of_people: tuple[str, ...] = ()

    @classmethod
    def load(cls, path: Path) -> "Screens":
        """Reads and checks the file.

        Raises:
            ScreensFileInvalid: with the place and the fault.
        """
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
        targets = cast(dict[str, list[Clause]], raw.get("targets", {}))
        screens = cls(
            tuple(raw.get("screens", ())),
            tuple(raw.get("dialogs", ())),
            {name: tuple(locators) for name, locators in targets.items()},
            tuple(raw.get("words_of_people", ())),
        )
        _check(screens)
        return screens

    @cached_property
    def _look_task(self) -> dict[str, Any]:
        return {"screens": self.screens, "dialogs": self.dialogs, "mute": self.words_of_people}

    async def look(self, page: Page, *, timeout_s: float = LOOK_TIMEOUT_S) -> Screen:
        """What the page shows now.

        Raises:
            RunnerError: the page does not answer.
        """
        answer = await page.evaluate(EYES, self._look_task, timeout_s=timeout_s)
        return self.read(answer)

    def read(self, answer: Mapping[str, Any]) -> Screen:
        """Turns what `eyes.js` answered into a Screen."""
        url = str(answer.get("url", ""))
        if "screen" not in answer:
            return Screen("blank", ScreenKind.LOADING, "no document yet", url)
        dialogs = tuple(self._dialog(seen) for seen in cast(list[Clause], answer.get("dialogs") or []))
        index = int(answer["screen"])
        if index < 0:
            labels = " | ".join(answer.get("labels", ()))
            if not labels or not answer.get("ready"):
                return Screen("empty", ScreenKind.LOADING, "nothing to click or read yet", url, dialogs)
            return Screen("unknown", ScreenKind.UNKNOWN, f"seen: {labels}", url, dialogs)
        rule = self.screens[index]
        return Screen(str(rule["name"]), ScreenKind(rule["kind"]), " + ".join(answer["why"]), url, dialogs)

    def _dialog(self, seen: Mapping[str, Any]) -> Dialog:
        at = cast(list[float] | None, seen["at"])
        return Dialog(str(self.dialogs[int(seen["index"])]["name"]), (at[0], at[1]) if at else None)

    async def find(self, page: Page, target: str, *, act: str | None = None) -> Found | None:
        """Finds a target, best locator first.

        Args:
            act: Also do this to it from inside the page: `click`, `focus` or `clear`.

        Raises:
            RunnerError: the page does not answer.
        """
        task = {"find": self.targets[target], "act": act, "mute": self.words_of_people}
        found = (await page.evaluate(EYES, task, timeout_s=LOOK_TIMEOUT_S)).get("found")
        return Found(**found) if found else None

    def selectors(self) -> Iterator[str]:
        """Every CSS selector in the file, for the linter."""
        yield from self.words_of_people
        for rule in (*self.screens, *self.dialogs):
            yield from _selectors(rule)
        for locators in self.targets.values():
            for locator in locators:
                yield from _selectors(locator)


def _check(screens: Screens) -> None:
    for rule in (*screens.screens, *screens.dialogs):
        place = str(rule.get("name") or "a rule without a name")
        if not GROUPS & rule.keys():
            raise ScreensFileInvalid(f"{place}: no clause")
        for clause in _children(rule):
            _check_clause(clause, place)
    for rule in screens.screens:
        if rule.get("kind") not in set(ScreenKind):
            raise ScreensFileInvalid(f"{rule.get('name')}: unknown kind {rule.get('kind')!r}")
    for rule in screens.dialogs:
        for locator in rule.get("click", ()):
            _check_clause(locator, str(rule["name"]))
    for name, locators in screens.targets.items():
        for locator in locators:
            _check_clause(locator, name)


def _check_clause(clause: Clause, place: str) -> None:
    unknown = clause.keys() - GROUPS - LEAVES - QUALIFIERS
    if unknown:
        raise ScreensFileInvalid(f"{place}: unknown word {sorted(unknown)[0]!r}")
    if GROUPS & clause.keys() and LEAVES & clause.keys():
        raise ScreensFileInvalid(f"{place}: a clause is either a group or a leaf")
    if not (GROUPS | LEAVES) & clause.keys():
        raise ScreensFileInvalid(f"{place}: an empty clause")
    for child in _children(clause):
        _check_clause(child, place)


def _children(clause: Clause) -> Iterator[Clause]:
    for group in ("any", "all", "not"):
        yield from clause.get(group, ())
    yield from clause.get("at_least", {}).get("of", ())


def _selectors(clause: Clause) -> Iterator[str]:
    if "css" in clause:
        yield str(clause["css"])
    for child in (*_children(clause), *clause.get("click", ())):
        yield from _selectors(child)
