"""The tables, one module a noun."""

from meetfleet.store.tables.base import Base
from meetfleet.store.tables.bots import BotEventRow, BotRow, CommandRow, EventKind, LinkCursorRow
from meetfleet.store.tables.holds import HoldRow
from meetfleet.store.tables.logins import LoginRow, WorkspaceRow
from meetfleet.store.tables.notices import AttemptRow, EndpointRow, MessageRow, MessageStatus, OwnerNoticeRow
from meetfleet.store.tables.rate_windows import RateWindowRow
from meetfleet.store.tables.recordings import ArtifactRow, ArtifactStatus, ChatMessageRow, ParticipantRow, SegmentRow
from meetfleet.store.tables.storage_configs import StorageConfigRow
from meetfleet.store.tables.teams import ApiKeyRow, Permissions, TeamRow
from meetfleet.store.tables.tokens import EntryKind, TokenAccountRow, TokenEntryRow
from meetfleet.store.tables.transcriptions import TranscriptionRow, TranscriptionStatus
from meetfleet.store.tables.zoom_credentials import CredentialState, ZoomCredentialRow, ZoomCredentialType

__all__ = [
    "ApiKeyRow",
    "ArtifactRow",
    "ArtifactStatus",
    "AttemptRow",
    "Base",
    "BotEventRow",
    "BotRow",
    "ChatMessageRow",
    "CommandRow",
    "CredentialState",
    "EndpointRow",
    "EntryKind",
    "EventKind",
    "HoldRow",
    "LinkCursorRow",
    "LoginRow",
    "MessageRow",
    "MessageStatus",
    "OwnerNoticeRow",
    "ParticipantRow",
    "Permissions",
    "RateWindowRow",
    "SegmentRow",
    "StorageConfigRow",
    "TeamRow",
    "TokenAccountRow",
    "TokenEntryRow",
    "TranscriptionRow",
    "TranscriptionStatus",
    "WorkspaceRow",
    "ZoomCredentialRow",
    "ZoomCredentialType",
]
