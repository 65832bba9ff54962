"""`python -m meetfleet.artifacts.worker`: builds many tapes in one process, told what to do by JSON lines.

One command a line on standard input, one answer a line on standard output, in the same order:

    {"command": "open", "tape": "bot-1", "out_dir": "/..."}
    {"command": "feed", "tape": "bot-1", "segment": "/.../t01-000001.mcap"}
    {"command": "finish", "tape": "bot-1", "context": {"bot_id": "...", "bot_name": "..."}}
    {"command": "drop", "tape": "bot-1"}

    {"tape": "bot-1", "command": "feed", "ok": true, "cpu_s": 0.012}
    {"tape": "bot-1", "command": "finish", "ok": true, "cpu_s": 0.1, "manifest": {...}}
    {"tape": "bot-1", "command": "feed", "ok": false, "error": {"code": "tape_io", "message": "..."}}

An error breaks its own tape only: later commands for it answer `broken` until it is opened again. Nothing lives here
that the segments do not hold: kill it at any time and feed a new one from the first segment. `id`, if given, comes
back in the answer. It ends when its input does.
"""

import json
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import IO, Any, cast

import structlog

from meetfleet.artifacts.context import BuildContext
from meetfleet.artifacts.live import LiveBuild
from meetfleet.domain.errors import MeetfleetError

_log = structlog.get_logger()


class _BadCommand(MeetfleetError):
    """A line that is no command, or one that does not fit the state of its tape."""


@dataclass(slots=True)
class Assembler:
    """The builds of one worker, by tape id."""

    _builds: dict[str, LiveBuild] = field(default_factory=dict[str, LiveBuild])
    _broken: set[str] = field(default_factory=set[str])

    def answer(self, line: str) -> dict[str, Any]:
        """Carries out one command. Never raises: what goes wrong is in the answer."""
        try:
            command = _parse(line)
        except _BadCommand as error:
            return {"ok": False, "error": _told(error)}
        given = {key: command[key] for key in ("id", "tape", "command") if key in command}
        start = time.process_time()
        try:
            result = self._handlers()[command["command"]](command["tape"], command)
        except Exception as error:  # noqa: BLE001 # outermost loop of a command: relabelled, and only this tape is broken
            self._break(command["tape"], error)
            return {**given, "ok": False, "error": _told(error)}
        return {**given, "ok": True, "cpu_s": round(time.process_time() - start, 6), **result}

    def close(self) -> None:
        """Drops every build that was not finished."""
        for tape in list(self._builds):
            self._drop(tape, {})

    def _handlers(self) -> dict[str, Callable[[str, dict[str, Any]], dict[str, Any]]]:
        return {"open": self._open, "feed": self._feed, "finish": self._finish, "drop": self._drop}

    def _open(self, tape: str, command: dict[str, Any]) -> dict[str, Any]:
        self._drop(tape, command)
        self._builds[tape] = LiveBuild(Path(_text(command, "out_dir")))
        return {}

    def _feed(self, tape: str, command: dict[str, Any]) -> dict[str, Any]:
        self._build(tape).feed(Path(_text(command, "segment")))
        return {}

    def _finish(self, tape: str, command: dict[str, Any]) -> dict[str, Any]:
        manifest = self._build(tape).finish(_context(command.get("context")))
        del self._builds[tape]
        return {"manifest": json.loads(manifest.to_json())}

    def _drop(self, tape: str, command: dict[str, Any]) -> dict[str, Any]:
        self._broken.discard(tape)
        build = self._builds.pop(tape, None)
        if build is not None:
            build.drop()
        return {}

    def _build(self, tape: str) -> LiveBuild:
        if tape in self._broken:
            raise _BadCommand("An earlier command broke this tape; open it anew.", code="broken")
        if tape not in self._builds:
            raise _BadCommand("This tape is not open.", code="not_open")
        return self._builds[tape]

    def _break(self, tape: str, error: Exception) -> None:
        if isinstance(error, _BadCommand):
            return
        _log.warning("artifacts.tape_broken", tape=tape, error=repr(error))
        build = self._builds.pop(tape, None)
        self._broken.add(tape)
        if build is not None:
            build.drop()


def _parse(line: str) -> dict[str, Any]:
    try:
        command = json.loads(line)
    except ValueError as error:
        raise _BadCommand("The line is no JSON.", code="bad_command") from error
    if not isinstance(command, dict):
        raise _BadCommand("The line is no JSON object.", code="bad_command")
    values = cast(dict[str, Any], command)
    if not isinstance(values.get("tape"), str) or values.get("command") not in ("open", "feed", "finish", "drop"):
        raise _BadCommand("A command names a tape and one of open, feed, finish, drop.", code="bad_command")
    return values


def _context(given: dict[str, Any] | None) -> BuildContext:
    names = {field.name for field in fields(BuildContext)}
    return BuildContext(**{key: value for key, value in (given or {}).items() if key in names})


def _text(command: dict[str, Any], key: str) -> str:
    value = command.get(key)
    if not isinstance(value, str):
        raise _BadCommand(f"The command lacks {key}.", code="bad_command")
    return value


def _told(error: Exception) -> dict[str, str]:
    if isinstance(error, MeetfleetError):
        return {"code": error.code, "message": error.message}
    return {"code": "internal", "message": f"{type(error).__name__}: {error}"}


def serve(commands: IO[str], answers: IO[str]) -> None:
    """Answers commands until there are no more."""
    assembler = Assembler()
    for line in commands:
        if line.strip():
            answers.write(json.dumps(assembler.answer(line), ensure_ascii=False) + "\n")
            answers.flush()
    assembler.close()


def _allow_many_files() -> None:
    """Every voice of every tape keeps a file open: as many as the system lets us have."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


if __name__ == "__main__":
    _allow_many_files()
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    serve(sys.stdin, sys.stdout)
