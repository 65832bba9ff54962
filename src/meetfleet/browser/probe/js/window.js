// In every frame, before any script of the page: installs the hooks and obeys the bot.

const METER_EVERY_TICKS = 2;
const SHOWN_EVERY_TICKS = 10;

function startInWindow(settings) {
  const link = new Link(settings, 'window');
  look.starve = settings.starve;
  const channels = new ChannelHook(link);
  const rpc = new RpcHook(link);
  const rtc = new RtcHook(link, [channels.onConnection]);
  const board = new TapBoard(link);
  const raw = new RawRung(link, board, rtc);
  const sound = new SoundRung(link, board);
  const curtain = new Curtain(settings.undrawn);
  const picture = new PictureRung(link);
  const camera = new Camera(link);

  if (scope.RTCPeerConnection) {
    if (settings.refuseVideo) new VideoRefusal().install();
    rtc.install();
    channels.install();
  }
  if (settings.rpc.length) rpc.install();
  sound.install();
  if (settings.camera) camera.install();
  if (settings.hideVideo) link.onTick(() => curtain.update());

  link.onCommand('arm', (command) => {
    raw.arm(command.raw);
    sound.arm(command.page);
  });
  link.onCommand('ear', ({ starve }) => (ear.starve = starve));
  link.onTick(releaseHeld);
  link.onCommand('encoded', ({ track, on }) => rtc.taps.serve(track, on));
  link.onCommand('raw', ({ receiver, on, since }) => raw.serve(receiver, on, since));
  link.onCommand('page', ({ on, since }) => sound.serve(on, since));
  link.onCommand('picture', (command) => picture.serve(command));
  link.onCommand('camera', (command) => camera.show(command));
  link.onCommand('look', (command) => {
    setLook(link, command, rtc.taps);
    if (settings.hideVideo) curtain.update();
  });
  scope.addEventListener('pagehide', () => link.flush());
  const isTop = scope.top === scope;
  link.onTick((n) => {
    const measured = raw.armed || sound.armed || sound.serving || rtc.taps.isMuted;
    if (measured && n % METER_EVERY_TICKS === 0) {
      link.note({ t: 'meter', raw: raw.meters(), page: sound.pcm.meter(), encoded: rtc.taps.mutedLevels() });
    }
    if (isTop && settings.tapeVideo && n % SHOWN_EVERY_TICKS === 0) {
      link.note({ t: 'shown', pictures: picture.count() });
    }
  });
  if (isTop && scope.location.protocol.startsWith('http')) {
    link.open();
    new Lender(settings);
  }
}
