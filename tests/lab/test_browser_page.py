"""A real Chromium, driven over its pipe."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from meetfleet.browser.cdp import BrowserGone, TargetGone
from meetfleet.browser.chromium import Chromium
from meetfleet.browser.flags import BrowserOptions
from meetfleet.browser.page import NavigationFailed, Page, ScriptFailed
from meetfleet.domain.errors import RunnerError

pytestmark = pytest.mark.lab


@pytest.fixture
async def browser(tmp_path: Path) -> AsyncIterator[Chromium]:
    chromium = await Chromium.launch(BrowserOptions(temp_dir=tmp_path))
    yield chromium
    await chromium.close()
    assert os.listdir(tmp_path) == []


@pytest.fixture
async def page(browser: Chromium) -> Page:
    return await browser.new_page()


async def test_a_page_is_opened_read_typed_into_and_pictured(page: Page) -> None:
    await page.add_init_script("window.early = document.documentElement === null || !document.body")
    await page.goto("data:text/html,<input id=name style='position:fixed;left:10px;top:10px'>", wait_until="load")
    assert page.url.startswith("data:text/html")
    assert await page.evaluate("window.early") is True
    assert await page.evaluate("[innerWidth, innerHeight]") == [1280, 720]
    await page.click(20, 20)
    await page.insert_text("Ada ")
    await page.type_text("Lo 1é", pause_s=0)
    assert await page.evaluate("document.activeElement.value") == "Ada Lo 1é"
    assert (await page.screenshot()).startswith(b"\x89PNG")


async def test_a_click_is_trusted_and_comes_after_pointer_motion(page: Page) -> None:
    await page.goto(
        "data:text/html,<script>log=[];for(const t of ['mousemove','click'])"
        "addEventListener(t,e=>log.push([t,e.isTrusted,e.clientX]))</script>",
        wait_until="load",
    )
    await page.click(600, 300)
    log = await page.evaluate("log")
    assert log[-1] == ["click", True, 600]
    assert len([entry for entry in log if entry[0] == "mousemove"]) > 3


async def test_promises_are_awaited_and_errors_are_typed(page: Page) -> None:
    assert await page.evaluate("async (x) => { await null; return x.n * 2 }", {"n": 21}) == 42
    with pytest.raises(ScriptFailed, match="boom"):
        await page.evaluate("() => { throw new Error('boom') }")
    with pytest.raises(NavigationFailed, match="ERR_NAME_NOT_RESOLVED"):
        await page.goto("http://nowhere.invalid/")


async def test_pages_share_nothing(browser: Chromium) -> None:
    first, second = await browser.new_page(), await browser.new_page()
    await first.grant("audioCapture")
    state = "navigator.permissions.query({name: 'microphone'}).then(p => p.state)"
    assert first.context_id != second.context_id
    assert await first.evaluate(state) == "granted"
    assert await second.evaluate(state) != "granted"
    await first.close()
    assert await second.evaluate("1 + 1") == 2


async def test_a_crashed_page_is_told_and_fails_its_calls_but_the_browser_lives(browser: Chromium) -> None:
    page = await browser.new_page()
    told: list[str] = []
    page.on_crash(told.append)
    page.session.post("Page.crash")
    with pytest.raises(TargetGone):
        await page.evaluate("new Promise(() => 0)")
    assert told == ["The page's process crashed."]
    assert await (await browser.new_page()).evaluate("1 + 1") == 2


async def test_a_killed_browser_is_told_and_fails_its_calls(browser: Chromium) -> None:
    page = await browser.new_page()
    exits: list[int] = []
    browser.on_exit(exits.append)
    waiting = asyncio.ensure_future(page.evaluate("new Promise(() => 0)"))
    await asyncio.sleep(0.1)
    os.kill(browser.pid, 9)
    with pytest.raises((BrowserGone, TargetGone)):
        await waiting
    assert page.crashed
    await browser.close()
    assert exits == [-9]


async def test_a_closed_page_is_no_crash(browser: Chromium) -> None:
    page = await browser.new_page()
    told: list[str] = []
    page.on_crash(told.append)
    await page.close()
    await browser.close()
    assert told == []


async def test_a_program_that_is_no_browser_fails_at_once() -> None:
    with pytest.raises(RunnerError) as caught:
        await Chromium.launch(BrowserOptions(executable="/bin/false"))
    assert caught.value.code == "browser_launch_failed"


async def test_workers_are_equipped_before_their_own_script_runs(page: Page) -> None:
    await page.add_worker_script("self.equipped = 'yes'")
    answer = await page.evaluate(
        "() => new Promise(done => { const source = new Blob(['postMessage(self.equipped)']);"
        " new Worker(URL.createObjectURL(source)).onmessage = e => done(e.data) })"
    )
    assert answer == "yes"


ORPHAN = """
import asyncio
from meetfleet.browser.chromium import Chromium
async def main():
    browser = await Chromium.launch()
    await browser.new_page()
    print(browser.pid, flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""


async def test_no_browser_survives_its_parent(tmp_path: Path) -> None:
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    pipe = asyncio.subprocess.PIPE
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", ORPHAN, stdout=pipe, env=environment)
    assert parent.stdout
    pid = int(await parent.stdout.readline())
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    parent.kill()
    await parent.wait()
    _, alive = await asyncio.to_thread(psutil.wait_procs, family, timeout=10)
    assert [p for p in alive if p.status() != psutil.STATUS_ZOMBIE] == []
