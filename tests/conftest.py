import pytest
from official_sdk import node, sdk_of

__all__ = ["anyio_backend", "node", "sdk_of"]

pytest_plugins = ["meetfleet.testing.postgres"]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
