"""Signatures, as the receivers' own libraries judge them."""

import time
from uuid import UUID

import pytest
import standardwebhooks
import svix.webhooks
from hypothesis import given
from hypothesis import strategies as st

from meetfleet.domain.errors import InvalidRequest
from meetfleet.notify.signing import new_secret, sign, signed_headers, wire_id

ID = wire_id(UUID("0190a0b0-0000-7000-8000-000000000001"))
BODY = b'{"event":"bot.completed","text":"gr\xc3\xbc\xc3\x9fe"}'


def accepted_by_both(secret: str, headers: dict[str, str], body: bytes) -> bool:
    """Whether the official libraries take it; they must agree."""
    verdicts: set[bool] = set()
    for verify, refusal in (
        (svix.webhooks.Webhook(secret).verify, svix.webhooks.WebhookVerificationError),
        (standardwebhooks.Webhook(secret).verify, standardwebhooks.webhooks.WebhookVerificationError),
    ):
        try:
            verify(body, headers)
            verdicts.add(True)
        except refusal:
            verdicts.add(False)
    assert len(verdicts) == 1
    return verdicts.pop()


def headers_for(*secrets: str, body: bytes = BODY) -> dict[str, str]:
    return signed_headers(secrets, ID, int(time.time()), body)


def test_both_official_libraries_accept_a_signature() -> None:
    secret = new_secret()
    assert accepted_by_both(secret, headers_for(secret), BODY)


def test_svix_headers_alone_and_standard_headers_alone_suffice() -> None:
    secret = new_secret()
    headers = headers_for(secret)
    svix.webhooks.Webhook(secret).verify(BODY, {k: v for k, v in headers.items() if k.startswith("svix-")})
    standardwebhooks.Webhook(secret).verify(BODY, {k: v for k, v in headers.items() if k.startswith("webhook-")})


def test_during_a_rotation_holders_of_either_secret_accept() -> None:
    old, new = new_secret(), new_secret()
    headers = headers_for(new, old)
    assert accepted_by_both(old, headers, BODY)
    assert accepted_by_both(new, headers, BODY)
    assert not accepted_by_both(new_secret(), headers, BODY)


def test_a_changed_body_id_or_time_is_refused() -> None:
    secret = new_secret()
    headers = headers_for(secret)
    assert not accepted_by_both(secret, headers, BODY + b" ")
    assert not accepted_by_both(secret, {**headers, "svix-id": "msg_other", "webhook-id": "msg_other"}, BODY)
    later = str(int(time.time()) + 1)
    assert not accepted_by_both(secret, {**headers, "svix-timestamp": later, "webhook-timestamp": later}, BODY)


def test_an_attempt_that_is_too_old_is_refused_so_each_is_signed_anew() -> None:
    secret = new_secret()
    stale = signed_headers([secret], ID, int(time.time()) - 600, BODY)
    assert not accepted_by_both(secret, stale, BODY)


@given(st.binary(max_size=300))
def test_any_body_can_be_signed(body: bytes) -> None:
    secret = new_secret()
    signature = sign(secret, ID, 1_800_000_000, body)
    assert signature.startswith("v1,")
    assert signature != sign(new_secret(), ID, 1_800_000_000, body)


def test_the_wire_id_is_the_message_id_as_svix_writes_it() -> None:
    assert ID == "msg_0190a0b0000070008000000000000001"


def test_a_secret_that_is_not_base64_is_refused() -> None:
    with pytest.raises(InvalidRequest):
        sign("whsec_not base64!", ID, 1, b"")
