"""PostgreSQL run by us: a child that listens on a socket file only, so that nobody has to set a database up.

It lives in one folder: `cluster/` (the data), `socket/`, `lock` (held by the process that owns it), `postgres.log`.
The child stops when its owner is killed; whatever a crash leaves behind, the next `start` clears up and replays.
"""

import contextlib
import fcntl
import hashlib
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Self

import psycopg
import structlog

from meetfleet.domain.errors import RunnerError
from meetfleet.store.orphans import retire_predecessor
from meetfleet.store.postgres_binaries import PostgresBinaries, find_binaries

SERVICE_USER = "meetfleet"
DATABASE = "meetfleet"
SOCKET_PATH_MAX = 100
_SOCKET_NAME = ".s.PGSQL.5432"
_LOG_MAX_BYTES = 10_000_000
_AS_USER = Path(__file__).with_name("as_user.py")

log = structlog.get_logger()


class DatabaseInUse(RunnerError):
    """Another process runs the database of this folder; connect to it instead of starting one."""


class EmbeddedPostgres:
    """Owns one PostgreSQL server. Call it from the main thread: the child's life is tied to the thread that spawned it.

    Args:
        folder: Where data, socket, lock and log lie; made if missing.
        durable: False trades safety against power cuts for speed; for tests only.
        retire_s: Patience with an orphaned predecessor before each harder means of stopping it.
    """

    def __init__(self, folder: Path, *, durable: bool = True, retire_s: float = 10) -> None:
        self.folder = folder.resolve()
        self.cluster = self.folder / "cluster"
        self.log_file = self.folder / "postgres.log"
        self.socket_dir = _socket_dir(self.folder)
        self._durable = durable
        self._retire_s = retire_s
        self._lock: int | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def url(self, database: str = DATABASE) -> str:
        """Connection URL; good as long as the server runs, from any process of this user or of root."""
        return f"postgresql://{SERVICE_USER}@/{database}?host={self.socket_dir}"

    def start(self, timeout_s: float = 60) -> None:
        """Takes the folder over, makes the data on first use, and returns when the database answers.

        Raises:
            DatabaseInUse: a live process owns the folder.
            RunnerError: PostgreSQL is missing or does not come up; the hint holds the end of its log.
        """
        self.spawn()
        self.wait_ready(timeout_s)

    def spawn(self, *, patience_s: float = 0) -> None:
        """The part of `start` that must run in the main thread; waits for a predecessor to go, not for readiness.

        Args:
            patience_s: How long to wait for another owner of the folder to let go.
        """
        self._take_lock(patience_s)
        try:
            retire_predecessor(self.cluster, self._retire_s)
            self._clear_lock_files()
            user = _service_user()
            binaries = self._prepare(user)
            self._process = self._spawn(binaries, user)
        except BaseException:
            self._release_lock()
            raise

    def wait_ready(self, timeout_s: float = 60) -> None:
        """Waits until the database answers, and creates it on first use."""
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                _create_database(self.url("postgres"))
                return
            except psycopg.OperationalError as error:
                if not self.is_running or time.monotonic() > deadline:
                    self.stop(5)
                    raise RunnerError(
                        f"PostgreSQL did not start: {error}", code="postgres_failed", hint=_tail(self.log_file)
                    ) from error
            time.sleep(0.02)

    def stop(self, timeout_s: float = 20) -> None:
        """Ends all sessions, writes a checkpoint and stops. Safe to call when nothing runs."""
        if self._process is not None:
            for number, patience_s in ((signal.SIGINT, timeout_s), (signal.SIGQUIT, 5), (signal.SIGKILL, 5)):
                if self._process.poll() is None:
                    self._process.send_signal(number)
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        self._process.wait(patience_s)
            self._process = None
        self._release_lock()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def _take_lock(self, patience_s: float) -> None:
        if self._lock is not None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o711)
        lock = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        deadline = time.monotonic() + patience_s
        while not _locked(lock):
            if time.monotonic() >= deadline:
                os.close(lock)
                raise DatabaseInUse(f"Another process runs the database in {self.folder}.", code="database_in_use")
            time.sleep(0.1)
        self._lock = lock

    def _release_lock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _clear_lock_files(self) -> None:
        """Removes what names a process that is no postmaster of ours: a stranger with a recycled pid, or a zombie."""
        for stale in (self.cluster / "postmaster.pid", self.socket_dir / f"{_SOCKET_NAME}.lock"):
            stale.unlink(missing_ok=True)

    def _prepare(self, user: pwd.struct_passwd) -> PostgresBinaries:
        """Makes data and socket folders if missing; picks the programs that fit the data."""
        _private_dir(self.socket_dir, user)
        if self.log_file.exists() and self.log_file.stat().st_size > _LOG_MAX_BYTES:
            self.log_file.replace(self.log_file.with_suffix(".log.1"))
        version_file = self.cluster / "PG_VERSION"
        if version_file.exists():
            return find_binaries(int(version_file.read_text().split(".")[0]))
        binaries = find_binaries()
        # Made aside and renamed, so that a crash half-way leaves nothing that looks like a database.
        fresh = self.folder / "cluster.new"
        shutil.rmtree(fresh, ignore_errors=True)
        _private_dir(fresh, user)
        self._initdb(binaries, fresh, user)
        fresh.rename(self.cluster)
        log.info("database_created", folder=str(self.cluster), postgres=binaries.major)
        return binaries

    def _initdb(self, binaries: PostgresBinaries, fresh: Path, user: pwd.struct_passwd) -> None:
        locale = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"] if binaries.major >= 17 else []
        command = [
            binaries.initdb,
            "-D",
            str(fresh),
            "-U",
            SERVICE_USER,
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
        ]
        command += [*locale, "--no-instructions", *([] if self._durable else ["--no-sync"])]
        done = subprocess.run(
            self._as(user, command, on_death=signal.SIGTERM), capture_output=True, text=True, timeout=120, check=False
        )
        if done.returncode != 0:
            raise RunnerError(
                "PostgreSQL could not make its data folder.", code="postgres_failed", hint=done.stderr[-2000:]
            )

    def _spawn(self, binaries: PostgresBinaries, user: pwd.struct_passwd) -> subprocess.Popen[bytes]:
        options = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.socket_dir),
            "unix_socket_permissions": "0700",
            "shared_buffers": "64MB",
            "max_connections": "100",
            "log_min_messages": "warning",
            "log_checkpoints": "off",
            "logging_collector": "off",
            "timezone": "UTC",
            **({} if self._durable else {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}),
        }
        command = [binaries.postgres, "-D", str(self.cluster)]
        command += [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        with self.log_file.open("ab") as output:
            return subprocess.Popen(
                self._as(user, command, on_death=signal.SIGINT),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd="/",
                # Its own group: Ctrl-C in the terminal must reach the server first, which then stops the database.
                start_new_session=True,
            )

    def _as(self, user: pwd.struct_passwd, command: list[str], *, on_death: signal.Signals) -> list[str]:
        reach = os.geteuid() == 0 and not _reachable(Path(command[0]), self.folder)
        flags = [user.pw_uid, user.pw_gid, int(reach), int(on_death), os.getpid()]
        return [sys.executable, "-I", "-S", str(_AS_USER), *(str(f) for f in flags), *command]


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _service_user() -> pwd.struct_passwd:
    """Who PostgreSQL runs as: ourselves, or, since it refuses root, a system user made for it."""
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid())
    with contextlib.suppress(KeyError):
        return pwd.getpwnam(SERVICE_USER)
    command = [
        "useradd",
        "--system",
        "--no-create-home",
        "--home-dir",
        "/",
        "--shell",
        "/usr/sbin/nologin",
        SERVICE_USER,
    ]
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        subprocess.run(command, capture_output=True, timeout=30, check=True)
    try:
        return pwd.getpwnam(SERVICE_USER)
    except KeyError:
        return pwd.getpwnam("nobody")


def _reachable(*paths: Path) -> bool:
    """Whether any user may pass through all folders above these paths."""
    folders = {parent for path in paths for parent in path.resolve().parents}
    return all(folder.stat().st_mode & stat.S_IXOTH for folder in folders)


def _socket_dir(folder: Path) -> Path:
    """Below the folder if the socket's path is short enough for the kernel, else below the temp folder."""
    near = folder / "socket"
    if len(os.fsencode(near / _SOCKET_NAME)) <= SOCKET_PATH_MAX:
        return near
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"meetfleet-{os.geteuid()}-{digest}"


def _private_dir(folder: Path, user: pwd.struct_passwd) -> None:
    """Makes a folder that only the service user can enter.

    Raises:
        RunnerError: something of another user stands in its place (the temp folder is open to all).
    """
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in (user.pw_uid, os.geteuid()):
        raise RunnerError(f"{folder} belongs to somebody else.", code="postgres_failed")
    folder.chmod(0o700)
    os.chown(folder, user.pw_uid, user.pw_gid)


def _create_database(url: str) -> None:
    with psycopg.connect(url, autocommit=True, connect_timeout=5) as connection:
        exists = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,)).fetchone()
        if exists is None:
            connection.execute(f"CREATE DATABASE {DATABASE}")


def _tail(file: Path) -> str:
    try:
        return file.read_text(errors="replace")[-2000:]
    except OSError:
        return ""
