"""One lab and one server for all end-to-end tests of a run; each test opens its own room and sends its own bots."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from meetfleet.demo.client import Client
from meetfleet.lab.client import LabClient
from meetfleet.testing.inbox import WebhookInbox
from meetfleet.testing.stack import Service, start_lab, start_server


@pytest.fixture(scope="session")
def lab_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with start_lab(tmp_path_factory.mktemp("lab")) as service:
        yield service


@pytest.fixture(scope="session")
def lab(lab_service: Service) -> Iterator[LabClient]:
    with LabClient(lab_service.ready["control_url"]) as client:
        yield client


@pytest.fixture(scope="session")
def server_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("server")


@pytest.fixture(scope="session")
def server(lab_service: Service, server_dir: Path) -> Iterator[Service]:
    with start_server(server_dir, lab=lab_service) as service:
        yield service


@pytest.fixture(scope="session")
def client(server: Service) -> Iterator[Client]:
    client = Client(server.ready["url"], server.ready["api_key"])
    yield client
    client.close()


@pytest.fixture(scope="session")
def inbox() -> Iterator[WebhookInbox]:
    with WebhookInbox() as inbox:
        yield inbox
