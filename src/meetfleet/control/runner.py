"""Finds the process of a bot."""

from meetfleet.fleet.launcher import Launcher, RunnerHandle
from meetfleet.store.tables import BotRow


def runner_of(launcher: Launcher, bot: BotRow) -> RunnerHandle | None:
    """As the database knows it, else as noted beside its files by a server that died before it could tell."""
    handle = RunnerHandle.from_dict(bot.runner)
    if handle is None and bot.lease_owner == launcher.owner:
        return launcher.handle_left_in(launcher.work_dir(str(bot.id), bot.take))
    return handle
