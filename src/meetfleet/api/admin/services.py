"""What the routes of the admin API stand on."""

from dataclasses import dataclass

from meetfleet.control.access import Access
from meetfleet.control.keys import Keys


@dataclass(frozen=True, slots=True)
class AdminServices:
    access: Access
    keys: Keys
