from pathlib import Path

import pytest

from meetfleet.store.database import Database
from meetfleet.testing.control_plane import ControlPlane


@pytest.fixture
async def plane(database: Database, tmp_path: Path) -> ControlPlane:
    """A control plane with a team of its own."""
    plane = ControlPlane(database, tmp_path)
    plane.team = await plane.new_team()
    return plane
