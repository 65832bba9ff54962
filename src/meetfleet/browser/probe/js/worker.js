// In every worker of the page, and in ours: tapes what passes script transforms there.

const METER_EVERY_TICKS = 2;

function startInWorker(settings) {
  const link = new Link(settings, 'worker');
  look.starve = settings.starve;
  const { taps } = new WorkerHook(link).install();
  link.onCommand('ear', ({ starve }) => (ear.starve = starve));
  link.onTick(releaseHeld);
  link.onCommand('encoded', ({ track, on }) => taps.serve(track, on));
  link.onCommand('look', (command) => setLook(link, command, taps));
  link.onTick((n) => {
    if (taps.isMuted && n % METER_EVERY_TICKS === 0) link.note({ t: 'meter', encoded: taps.mutedLevels() });
  });
}
