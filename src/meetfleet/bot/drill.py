"""Crashes on order: what a sandbox bot does so that its owner can see how a crash looks from outside."""

import asyncio
import logging
import os
import signal
from collections.abc import Callable

from meetfleet.browser.chromium import Chromium
from meetfleet.domain.lifecycle import BotState
from meetfleet.domain.link import Drill, DrillTarget

log = logging.getLogger(__name__)

LOOK_EVERY_S = 0.1


async def carry_out(drill: Drill, state: Callable[[], BotState], chromium: Chromium) -> None:
    """Waits until the bot has recorded for as long as ordered, then kills the browser, or this very process."""
    while state() is not BotState.RECORDING:  # noqa: ASYNC110 - the state is a property, not an event
        await asyncio.sleep(LOOK_EVERY_S)
    await asyncio.sleep(drill.after_s)
    log.warning("Drill: the %s dies now.", drill.target.value)
    if drill.target is DrillTarget.BROWSER:
        chromium.kill()
    else:
        os.kill(os.getpid(), signal.SIGKILL)
