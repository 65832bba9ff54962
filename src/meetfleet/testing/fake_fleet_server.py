"""The real server, database and all, whose bots are `fake_bot`s: for tests of what happens when something is killed.

Takes its settings from the environment, as `meetfleet server --json` does.
"""

import sys

from meetfleet.app import App
from meetfleet.fleet.process import ProcessLauncher
from meetfleet.serve import serve
from meetfleet.settings import Settings, bot_environ


class FakeFleetApp(App):
    def _launcher(self) -> ProcessLauncher:
        return ProcessLauncher(
            self.settings.work_dir,
            bot_environ(),
            self._runner_ended,
            browser=self._browser,
            warm_spares=self.settings.warm_spares,
            command=[sys.executable, "-m", "meetfleet.testing.fake_bot"],
        )


if __name__ == "__main__":
    sys.exit(serve(Settings.from_environ(), json_ready=True, build=FakeFleetApp))
