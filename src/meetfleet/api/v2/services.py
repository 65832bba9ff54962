"""What the routes of v2 stand on."""

from dataclasses import dataclass

from meetfleet.api.auth import Gate
from meetfleet.control.bots import Bots
from meetfleet.control.logins import Logins
from meetfleet.control.orders import Orders
from meetfleet.control.recordings import Recordings
from meetfleet.control.schedules import Schedules
from meetfleet.control.storage_configs import StorageConfigs
from meetfleet.control.transcriptions import Transcriptions
from meetfleet.control.workspaces import Workspaces
from meetfleet.control.zoom_credentials import ZoomCredentials
from meetfleet.domain.clock import Clock
from meetfleet.notify.payloads.v2 import Link
from meetfleet.notify.redelivery import Redelivery
from meetfleet.store.secret_box import SecretBox


@dataclass(frozen=True, slots=True)
class Accounts:
    """What bots sign in with on one platform."""

    workspaces: Workspaces
    logins: Logins


@dataclass(frozen=True, slots=True)
class V2Services:
    """Attributes:
    link: Bot id and file name to a signed URL.
    plain_http: Whether pictures may have http URLs; the schema knows https only.
    """

    gate: Gate
    bots: Bots
    orders: Orders
    schedules: Schedules
    recordings: Recordings
    redelivery: Redelivery
    zoom_credentials: ZoomCredentials
    transcriptions: Transcriptions
    storage_configs: StorageConfigs
    meet: Accounts
    teams: Accounts
    link: Link
    box: SecretBox
    clock: Clock
    plain_http: bool = False
