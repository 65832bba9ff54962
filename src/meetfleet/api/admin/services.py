"""What the routes of the admin API stand on."""

from dataclasses import dataclass

from meetfleet.control.access import Access
from meetfleet.control.keys import Keys
from meetfleet.control.retention import Retention
from meetfleet.control.teams import Teams
from meetfleet.control.tokens import Tokens
from meetfleet.notify.endpoints import Endpoints
from meetfleet.notify.history import History
from meetfleet.notify.owners import OwnerNotices


@dataclass(frozen=True, slots=True)
class AdminServices:
    access: Access
    keys: Keys
    teams: Teams
    tokens: Tokens
    retention: Retention
    endpoints: Endpoints
    history: History
    notices: OwnerNotices
