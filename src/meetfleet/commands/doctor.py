"""`meetfleet doctor`: what the server needs on this machine, looked at one by one."""

import asyncio
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from rich.console import Console

from meetfleet.domain.errors import MeetfleetError
from meetfleet.fleet.host import measure
from meetfleet.fleet.limits import FEW_OPEN_FILES
from meetfleet.logs import configure_logging
from meetfleet.settings import Settings, unknown_variables
from meetfleet.store.database import Database
from meetfleet.store.embedded import DatabaseInUse, EmbeddedPostgres

_GB = 1_000_000_000
_ENOUGH_DISK_BYTES = 5 * _GB
_ENOUGH_MEMORY_BYTES = 0.6 * _GB
_SELFTEST_S = 90.0


class Grade(StrEnum):
    GOOD = "green"
    POOR = "yellow"
    BAD = "red"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    grade: Grade
    subject: str
    text: str


def examine_machine() -> int:
    """Prints all findings. Returns the exit code: 1 if the server could not work."""
    configure_logging(json_lines=False, level="error")
    settings = Settings.from_environ()
    console = Console()
    checks: list[Callable[[Settings], Finding]] = [
        _settings,
        _chromium,
        _browser_hooks,
        _database,
        _storage_folder,
        _disk,
        _memory,
        _open_files,
        _speech,
    ]
    worst = Grade.GOOD
    for check in checks:
        finding = _looked(check, settings)
        worst = Grade.BAD if Grade.BAD in (worst, finding.grade) else worst
        console.print(f"[{finding.grade}]●[/] [bold]{finding.subject}[/]  {finding.text}", highlight=False)
    return 1 if worst is Grade.BAD else 0


def _looked(check: Callable[[Settings], Finding], settings: Settings) -> Finding:
    try:
        return check(settings)
    except (MeetfleetError, OSError) as error:
        hint = f" {error.hint}" if isinstance(error, MeetfleetError) and error.hint else ""
        return Finding(Grade.BAD, check.__name__.strip("_").replace("_", " "), f"{error}{hint}")


def _settings(settings: Settings) -> Finding:
    unknown = unknown_variables()
    if unknown:
        return Finding(Grade.POOR, "settings", f"nothing reads {', '.join(unknown)}")
    return Finding(Grade.GOOD, "settings", f"data in {settings.data.resolve()}")


def _chromium(settings: Settings) -> Finding:
    found = shutil.which(settings.chromium)
    if found is None:
        hint = "apt-get install chromium, or set MEETFLEET_CHROMIUM"
        return Finding(Grade.BAD, "chromium", f"'{settings.chromium}' is not to be found: {hint}")
    shown = subprocess.run([found, "--version"], capture_output=True, text=True, timeout=30, check=False)
    return Finding(Grade.GOOD, "chromium", f"{shown.stdout.strip() or 'unknown version'} ({found})")


def _browser_hooks(settings: Settings) -> Finding:
    """Runs the browser's own self-test, in a process of its own so that a hang ends with it."""
    command = [sys.executable, "-m", "meetfleet.browser.selftest", "--executable", settings.chromium]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SELFTEST_S, check=False)
    except subprocess.TimeoutExpired:
        return Finding(Grade.BAD, "capture", f"the browser's self-test did not end within {_SELFTEST_S:.0f} s")
    lines = (done.stdout.strip() or done.stderr.strip()).splitlines() or ["no answer"]
    grade = {0: Grade.GOOD, 1: Grade.POOR}.get(done.returncode, Grade.BAD)
    return Finding(grade, "capture", lines[-1] if grade is Grade.GOOD else "; ".join(lines))


def _database(settings: Settings) -> Finding:
    if settings.database_url:
        up = asyncio.run(_answers(Database(settings.database_url)))
        text = "the PostgreSQL of MEETFLEET_DATABASE_URL " + ("answers" if up else "does not answer")
        return Finding(Grade.GOOD if up else Grade.BAD, "database", text)
    with tempfile.TemporaryDirectory(prefix="meetfleet-doctor-") as folder:
        known = settings.postgres_dir.exists()
        try:
            with EmbeddedPostgres(settings.postgres_dir if known else Path(folder) / "postgres", durable=known):
                return Finding(Grade.GOOD, "database", "the embedded PostgreSQL starts and answers")
        except DatabaseInUse:
            return Finding(Grade.GOOD, "database", "the embedded PostgreSQL is in use by a running server")


async def _answers(database: "Database") -> bool:
    try:
        return await database.is_up()
    finally:
        await database.close()


def _storage_folder(settings: Settings) -> Finding:
    if settings.storage_url:
        return Finding(Grade.GOOD, "recordings", "go to MEETFLEET_STORAGE_URL")
    folder = _existing(settings.objects_dir)
    grade = Grade.GOOD if os.access(folder, os.W_OK) else Grade.BAD
    return Finding(grade, "recordings", f"{folder} {'can' if grade is Grade.GOOD else 'cannot'} be written")


def _disk(settings: Settings) -> Finding:
    free = shutil.disk_usage(_existing(settings.data)).free
    grade = Grade.GOOD if free > _ENOUGH_DISK_BYTES else Grade.POOR
    return Finding(grade, "disk", f"{free / _GB:.1f} GB free")


def _memory(settings: Settings) -> Finding:
    room = measure(settings.capacity_cores, settings.capacity_memory_mb)
    grade = Grade.GOOD if room.free_memory_bytes > _ENOUGH_MEMORY_BYTES else Grade.POOR
    return Finding(grade, "capacity", f"{room.cores:.1f} cores, {room.free_memory_bytes / _GB:.1f} GB of memory free")


def _open_files(settings: Settings) -> Finding:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    enough = hard == resource.RLIM_INFINITY or hard >= FEW_OPEN_FILES
    return Finding(Grade.GOOD if enough else Grade.POOR, "open files", "enough" if enough else f"only {hard}: raise it")


def _speech(settings: Settings) -> Finding:
    found = [name for name in ("flite", "espeak-ng") if shutil.which(name)]
    if not found:
        return Finding(Grade.POOR, "speech", "no flite: the lab and the demo cannot talk (apt-get install flite)")
    return Finding(Grade.GOOD, "speech", f"{found[0]} for the lab")


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there."""
    folder = folder.resolve()
    return next(p for p in (folder, *folder.parents) if p.exists())
