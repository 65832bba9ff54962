"""A bot and its history."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, Integer, text
from sqlalchemy.orm import Mapped, mapped_column

from meetfleet.domain.end_reason import EndReason
from meetfleet.domain.lifecycle import BotState
from meetfleet.domain.link import RecordingMode
from meetfleet.domain.meeting_url import Platform
from meetfleet.store.ids import uuid7
from meetfleet.store.tables.base import Base, choice, utc_now


class BotRow(Base):
    """One bot. `state` is written by `control.lifecycle` only.

    Attributes:
        number: The integer id that one dialect shows.
        origin: The dialect that created it; its notices go out in the same one.
        options: The whole validated request; secrets in it are sealed. A sandbox bot's order is in it as `sandbox`.
        is_sandbox: It plays in the lab: never charged, counted, or let near a real meeting.
        callback: {url, method, secret (sealed) or None}, or None.
        join_at: When a scheduled bot is due; None for one that was sent at once.
        spawned_at: When it was sent, which is when it was created unless it was scheduled; None if it never was.
        camera: {urls, loop, each_s} of the pictures that it shows, or None.
        transcribed_s, byok_transcribed_s: Sound that was made into delivered transcripts, all runs together: on the
            server's own engines and accounts, and on accounts of the caller.
        login_id: The login it signs in with, taken as long as the bot is live.
        storage_config_id: Where its recording lies, chosen at its first start; None for the server's own storage.
        take: Counts the processes that were started for it; 0 while queued.
        waiting_for: Why a queued bot has not been started, in words.
        lease_owner: The runner that serves it; `lease_expires_at` moves with every heartbeat.
        runner: {pid, started_at, host, work_dir} of its process, for adoption after a restart of the server.
        last_command_seq: Number of the newest row in `commands`.
        cpu_s, memory_bytes: What the bot and its browser have used, and use now, by its own account.
        peak_memory_bytes: The most that any heartbeat told.
        tokens: What the bot cost, by kind and in all; None until something was charged.
        cpu_cores: Processor time per second lately; `measured_at` is when.
    """

    __tablename__ = "bots"
    __table_args__ = (
        Index("ix_bots_team_id_spawned_at_id", "team_id", "spawned_at", "id"),
        Index("ix_bots_team_id_join_at_id", "team_id", "join_at", "id"),
        Index("ix_bots_due", "join_at", postgresql_where=text("state = 'scheduled'")),
        Index("ix_bots_queue", "spawned_at", "id", postgresql_where=text("state IN ('queued', 'pickup_delayed')")),
        Index("ix_bots_login_id", "login_id", postgresql_where=text("login_id IS NOT NULL")),
        Index("ix_bots_team_id_meeting_url", "team_id", "meeting_url"),
        Index(
            "ix_bots_kept",
            "team_id",
            "ended_at",
            postgresql_where=text("artifacts_deleted_at IS NULL AND state IN ('completed', 'failed')"),
        ),
        Index(
            "ix_bots_unfinished", "state", postgresql_where=text("state NOT IN ('completed', 'failed', 'cancelled')")
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    number: Mapped[int] = mapped_column(BigInteger, Identity(), unique=True)
    team_id: Mapped[UUID] = mapped_column(ForeignKey("teams.id"))
    origin: Mapped[str] = mapped_column(default="v2")

    state: Mapped[BotState] = mapped_column(choice(BotState), default=BotState.QUEUED)
    state_at: Mapped[datetime] = mapped_column(default=utc_now)
    end_reason: Mapped[EndReason | None] = mapped_column(choice(EndReason))
    end_detail: Mapped[str | None]
    end_evidence: Mapped[dict[str, Any] | None]

    meeting_url: Mapped[str]
    platform: Mapped[Platform] = mapped_column(choice(Platform))
    native_id: Mapped[str]
    bot_name: Mapped[str]
    recording_mode: Mapped[RecordingMode] = mapped_column(choice(RecordingMode), default=RecordingMode.SPEAKER_VIEW)
    entry_message: Mapped[str | None]
    timeouts: Mapped[dict[str, Any]] = mapped_column(default=dict)
    ignored_participant_names: Mapped[list[str]] = mapped_column(default=list)
    options: Mapped[dict[str, Any]] = mapped_column(default=dict)
    extra: Mapped[dict[str, Any] | None]
    allow_multiple_bots: Mapped[bool] = mapped_column(default=True)
    is_sandbox: Mapped[bool] = mapped_column(default=False)
    callback: Mapped[dict[str, Any] | None]
    camera: Mapped[dict[str, Any] | None]

    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    updated_at: Mapped[datetime] = mapped_column(default=utc_now, onupdate=utc_now)
    join_at: Mapped[datetime | None]
    spawned_at: Mapped[datetime | None]
    joined_at: Mapped[datetime | None]
    recording_started_at: Mapped[datetime | None]
    exited_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    duration_s: Mapped[float | None]
    transcribed_s: Mapped[float] = mapped_column(default=0.0)
    byok_transcribed_s: Mapped[float] = mapped_column(default=0.0)

    login_id: Mapped[UUID | None] = mapped_column(ForeignKey("logins.id"))
    storage_config_id: Mapped[UUID | None] = mapped_column(ForeignKey("storage_configs.id"))
    take: Mapped[int] = mapped_column(Integer, default=0)
    waiting_for: Mapped[str | None]
    lease_owner: Mapped[str | None]
    lease_expires_at: Mapped[datetime | None]
    link_token_hash: Mapped[str | None]
    runner: Mapped[dict[str, Any] | None]
    last_command_seq: Mapped[int] = mapped_column(default=0)
    cpu_s: Mapped[float | None]
    cpu_cores: Mapped[float | None]
    memory_bytes: Mapped[int | None]
    peak_memory_bytes: Mapped[int | None]
    measured_at: Mapped[datetime | None]
    artifacts_deleted_at: Mapped[datetime | None]
    manifest: Mapped[dict[str, Any] | None]
    tokens: Mapped[dict[str, Any] | None]


class EventKind(StrEnum):
    """`state` is a step of the lifecycle; the others are observations within a state."""

    STATE = "state"
    SCREEN = "screen"
    CAPTURE = "capture"
    CAMERA = "camera"
    RUNNER = "runner"


class BotEventRow(Base):
    """One step of a bot's life, or something observed on the way. Never changed, never deleted."""

    __tablename__ = "bot_events"

    bot_id: Mapped[UUID] = mapped_column(ForeignKey("bots.id"), primary_key=True)
    n: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    kind: Mapped[EventKind] = mapped_column(choice(EventKind), default=EventKind.STATE)
    state: Mapped[BotState] = mapped_column(choice(BotState))
    reason: Mapped[EndReason | None] = mapped_column(choice(EndReason))
    cause: Mapped[str]
    evidence: Mapped[dict[str, Any]] = mapped_column(default=dict)


class CommandRow(Base):
    """An order to a bot; `ok` and `detail` are its answer."""

    __tablename__ = "commands"

    bot_id: Mapped[UUID] = mapped_column(ForeignKey("bots.id"), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    type: Mapped[str]
    data: Mapped[dict[str, Any]] = mapped_column(default=dict)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    done_at: Mapped[datetime | None]
    ok: Mapped[bool | None]
    detail: Mapped[str | None]


class LinkCursorRow(Base):
    """The highest report of a take that was taken in: the seat of the link's idempotency."""

    __tablename__ = "link_cursors"

    bot_id: Mapped[UUID] = mapped_column(ForeignKey("bots.id"), primary_key=True)
    take: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    last_n: Mapped[int] = mapped_column(default=0)
