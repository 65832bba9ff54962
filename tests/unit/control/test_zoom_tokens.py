"""Tokens for Zoom bots: fetched, renewed once however many ask, and what failures leave on the credential."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest

from meetfleet.control.zoom_api import ZoomApi, ZoomApp
from meetfleet.control.zoom_credentials import NewZoomCredential, ZoomCode, ZoomCredentialChange, ZoomCredentials
from meetfleet.control.zoom_tokens import ZoomTokens
from meetfleet.domain.clock import SystemClock
from meetfleet.domain.end_reason import EndReason
from meetfleet.domain.errors import JoinError
from meetfleet.domain.meeting_url import Platform
from meetfleet.outside.addresses import AddressGuard
from meetfleet.outside.guarded_http import GuardedHttp
from meetfleet.store.database import Database
from meetfleet.store.secret_box import SecretBox
from meetfleet.store.tables import BotRow, CredentialState, TeamRow, ZoomCredentialRow
from meetfleet.testing.fake_zoom import FakeZoom

REDIRECT = "https://app.example.org/zoom"
APP = ZoomApp("zoom-app", "zoom-app-secret")
HOUR_NS = 3_600_000_000_000


class QuickClock(SystemClock):
    """Pauses are over at once; `ahead_ns` moves it."""

    ahead_ns = 0

    def now_ns(self) -> int:
        return super().now_ns() + self.ahead_ns

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0.01)


@dataclass
class World:
    database: Database
    team: TeamRow
    clock: QuickClock
    credentials: ZoomCredentials
    tokens: ZoomTokens
    zoom: FakeZoom
    box: SecretBox

    async def user(self) -> ZoomCredentialRow:
        code = ZoomCode(self.zoom.consent(REDIRECT), REDIRECT)
        return await self.credentials.create(self.team, NewZoomCredential(name="Ann", app=APP, code=code))

    async def row(self, credential: ZoomCredentialRow) -> ZoomCredentialRow:
        return await self.credentials.get(self.team, credential.id)

    async def obf(self, credential: ZoomCredentialRow) -> str:
        return await self.tokens.obf_token(self.team.id, credential.id, "123456789")

    def bot(self, extra: dict[str, Any] | None = None, **zoom_config: Any) -> BotRow:
        return BotRow(
            id=UUID(int=7),
            team_id=self.team.id,
            platform=Platform.ZOOM,
            native_id="123456789",
            options={"zoom_config": zoom_config},
            extra=extra,
        )


@pytest.fixture
def zoom() -> Iterator[FakeZoom]:
    with FakeZoom() as zoom:
        yield zoom


@pytest.fixture
async def world(database: Database, zoom: FakeZoom) -> AsyncIterator[World]:
    clock, box, http = QuickClock(), SecretBox("k" * 40), GuardedHttp(AddressGuard(allow_private=True))
    api = ZoomApi(http, clock, oauth_url=zoom.url, api_url=zoom.url)
    team = TeamRow(name="people")
    async with database.transaction() as session:
        session.add(team)
    credentials = ZoomCredentials(database, box, api, clock)
    yield World(database, team, clock, credentials, ZoomTokens(database, box, api, http, clock), zoom, box)
    await http.close()


async def test_a_token_is_asked_for_the_meeting_with_the_stored_access(world: World) -> None:
    token = await world.obf(await world.user())
    assert token.startswith("onbehalf123456789-")
    assert world.zoom.asked[-1].query == {"type": "onbehalf", "meeting_id": "123456789"}
    assert world.zoom.count("/oauth/token") == 1
    zak = await world.tokens.zak_token(world.team.id, (await world.user()).id)
    assert zak.startswith("zak-")


async def test_an_old_access_token_is_renewed_first_and_the_new_refresh_token_kept(world: World) -> None:
    credential = await world.user()
    for _ in range(3):
        world.clock.ahead_ns += HOUR_NS
        world.zoom.expire_access()
        assert await world.obf(credential)
    assert world.zoom.count("/oauth/token") == 4


async def test_many_bots_at_once_spend_one_refresh_token(world: World) -> None:
    credential = await world.user()
    world.clock.ahead_ns += HOUR_NS
    world.zoom.expire_access()
    world.zoom.delay_s = 0.2
    tokens = await asyncio.gather(*(world.obf(credential) for _ in range(12)))
    assert len(set(tokens)) == 12
    assert world.zoom.count("/oauth/token") == 2
    assert (await world.row(credential)).state is CredentialState.ACTIVE


async def test_access_that_is_refused_before_its_time_is_renewed_once(world: World) -> None:
    credential = await world.user()
    world.zoom.expire_access()
    assert await world.obf(credential)
    assert world.zoom.count("/oauth/token") == 2


async def test_a_revoked_consent_makes_the_credential_invalid_and_zoom_is_not_asked_again(world: World) -> None:
    credential = await world.user()
    world.zoom.revoke()
    with pytest.raises(JoinError) as failed:
        await world.obf(credential)
    assert failed.value.reason is EndReason.ZOOM_OBF_TOKEN_ERROR
    row = await world.row(credential)
    assert (row.state, row.last_error_message) == (CredentialState.INVALID, "Zoom refused: Invalid Token!")
    asked = len(world.zoom.asked)
    with pytest.raises(JoinError):
        await world.obf(credential)
    assert len(world.zoom.asked) == asked
    assert (await world.row(credential)).last_error_message == "Zoom refused: Invalid Token!"


async def test_authorising_anew_makes_it_good_again(world: World) -> None:
    credential = await world.user()
    world.zoom.revoke()
    with pytest.raises(JoinError):
        await world.obf(credential)
    code = ZoomCode(world.zoom.consent(REDIRECT), REDIRECT)
    await world.credentials.update(world.team, credential.id, ZoomCredentialChange(app=APP, code=code))
    row = await world.row(credential)
    assert (row.state, row.last_error_message, row.last_error_at) == (CredentialState.ACTIVE, None, None)
    assert await world.obf(credential)


async def test_a_refused_token_is_noted_but_the_credential_stays_good_and_success_clears_it(world: World) -> None:
    credential = await world.user()
    world.zoom.refusals = [(400, {"code": 3001, "message": "Meeting does not exist."})]
    with pytest.raises(JoinError):
        await world.obf(credential)
    row = await world.row(credential)
    assert (row.state, row.last_error_message) == (CredentialState.ACTIVE, "Zoom refused: Meeting does not exist.")
    assert row.last_error_at is not None
    assert await world.obf(credential)
    row = await world.row(credential)
    assert (row.last_error_message, row.last_error_at) == (None, None)


async def test_a_short_outage_is_waited_out_and_a_long_one_is_no_reason_to_give_the_credential_up(
    world: World,
) -> None:
    credential = await world.user()
    world.zoom.outages = 2
    assert await world.obf(credential)
    world.zoom.outages = 3
    with pytest.raises(JoinError):
        await world.obf(credential)
    row = await world.row(credential)
    assert (row.state, row.last_error_message) == (CredentialState.ACTIVE, "Zoom answered 503.")


async def test_an_outage_during_renewal_keeps_the_refresh_token_for_the_next_try(world: World) -> None:
    credential = await world.user()
    world.clock.ahead_ns += HOUR_NS
    world.zoom.outages = 1
    with pytest.raises(JoinError):
        await world.obf(credential)
    assert await world.obf(credential)


async def test_a_server_that_died_while_renewing_holds_nobody_up_for_ever(world: World) -> None:
    credential = await world.user()
    world.clock.ahead_ns += HOUR_NS
    async with world.database.transaction() as session:
        row = await session.get(ZoomCredentialRow, credential.id)
        assert row is not None
        row.renewing_until = row.access_until
    assert await world.obf(credential)


async def test_what_is_deleted_or_never_authorised_gives_no_token(world: World) -> None:
    app = await world.credentials.create(world.team, NewZoomCredential(name="app", app=APP))
    gone = await world.user()
    await world.credentials.delete(world.team, gone.id)
    for credential in (app, gone):
        with pytest.raises(JoinError) as failed:
            await world.obf(credential)
        assert failed.value.reason is EndReason.ZOOM_OBF_TOKEN_ERROR


async def test_a_bot_gets_what_its_config_asks_for(world: World) -> None:
    credential = await world.user()
    chosen = await world.tokens.for_bot(world.bot(credential_id=str(credential.id)))
    assert (chosen.obf_token or "").startswith("onbehalf123456789-")
    assert chosen.app == APP
    by_user = await world.tokens.for_bot(world.bot(credential_user_id="zoom-user-1"))
    assert by_user.obf_token
    ready = await world.tokens.for_bot(world.bot(obf_token=world.box.seal("ready-made")))
    assert (ready.obf_token, ready.zak_token, ready.app) == ("ready-made", None, None)
    assert await world.tokens.for_bot(world.bot()) == type(ready)()
    app = await world.credentials.create(world.team, NewZoomCredential(name="app", app=APP))
    alone = await world.tokens.for_bot(world.bot(credential_id=str(app.id)))
    assert (alone.obf_token, alone.app) == (None, APP)


async def test_a_bot_whose_credential_was_deleted_fails_when_it_joins(world: World) -> None:
    credential = await world.user()
    await world.credentials.delete(world.team, credential.id)
    for config in ({"credential_id": str(credential.id)}, {"credential_user_id": "zoom-user-9"}):
        with pytest.raises(JoinError) as failed:
            await world.tokens.for_bot(world.bot(**config))
        assert failed.value.reason is EndReason.ZOOM_OBF_TOKEN_ERROR


async def test_the_callers_own_urls_are_told_the_bot_and_its_extra(world: World) -> None:
    url = f"{world.zoom.url}/mine?a=b"
    bot = world.bot(extra={"customer": "ö & co"}, obf_token_url=url, zak_token_url=url)
    tokens = await world.tokens.for_bot(bot)
    assert (tokens.obf_token, tokens.zak_token) == ("own-token", "own-token")
    query = world.zoom.asked[-1].query
    assert (query["a"], query["bot_uuid"], json.loads(query["extra"])) == ("b", str(bot.id), {"customer": "ö & co"})


@pytest.mark.parametrize("said", [(404, b"no"), (200, b"  "), (200, b"two\nlines"), (200, b"x" * 9000), (302, b"t")])
async def test_a_url_without_a_token_ends_the_bot_with_its_own_reason(world: World, said: tuple[int, bytes]) -> None:
    world.zoom.mine = said
    for name, reason in (
        ("obf_token_url", EndReason.ZOOM_OBF_TOKEN_ERROR),
        ("zak_token_url", EndReason.ZOOM_ACCESS_TOKEN_ERROR),
    ):
        with pytest.raises(JoinError) as failed:
            await world.tokens.for_bot(world.bot(**{name: f"{world.zoom.url}/mine"}))
        assert failed.value.reason is reason


async def test_a_token_url_may_not_lead_into_our_own_network(world: World) -> None:
    guarded = GuardedHttp(AddressGuard(allow_private=False))
    tokens = ZoomTokens(world.database, world.box, None, guarded, world.clock)  # pyright: ignore[reportArgumentType]
    with pytest.raises(JoinError):
        await tokens.for_bot(world.bot(obf_token_url=f"{world.zoom.url}/mine"))
    assert world.zoom.count("/mine") == 0
    await guarded.close()
