"""Requests that nobody would think of, made from our own description: no 5xx, no answer that it does not describe."""

import zlib

import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks
from v2_served import Served
from v2_world import document

from meetfleet.api.auth import KEY_HEADER

schema = schemathesis.openapi.from_dict(document())
# Not `negative_data_rejection`: unknown keys are ignored and bad items of a batch are item errors, both by contract.
JUDGED = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.ignored_auth,
]


@schema.parametrize()
@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
def test_every_operation_answers_as_described(case: schemathesis.Case, served: Served) -> None:
    # Half of the ids are made up; the others exist, so that more than 404 is seen.
    dice = zlib.crc32(f"{case.body} {case.query} {case.path_parameters}".encode(errors="replace"))
    if "bot_id" in case.path_parameters and dice % 2:
        case.path_parameters["bot_id"] = str(served.bot_ids[dice % len(served.bot_ids)])
    case.call_and_validate(base_url=served.address, headers={KEY_HEADER: served.key}, checks=JUDGED, timeout=30)
