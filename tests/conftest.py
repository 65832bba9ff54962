import pytest

pytest_plugins = ["meetfleet.testing.postgres"]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
