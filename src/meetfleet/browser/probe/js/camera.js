// The bot's camera: where the page asks for one it gets a canvas that shows the pictures which the bot was given.

const CAMERA_FPS = 2;
const CAMERA_WIDTH = 1280;
const CAMERA_HEIGHT = 720;
/** What the track says of itself. Source: Google Meet complains of cameras below 30 frames a second. */
const CAMERA_CLAIMS_FPS = 30;
const cameraIds = ['deviceId', 'groupId'].map((key) => [key, [...crypto.getRandomValues(new Uint8Array(32))].map((n) => n.toString(16).padStart(2, '0')).join('')]);
const cameraCanvases = new WeakSet();

/** Whether a track, or what it is a clone of, is the bot's own camera. */
const isOwnCamera = (track) => cameraCanvases.has(track.canvas);

class Camera {
  #canvas = null;
  #context = null;
  #pictures = [];
  #everyMs = 0;
  #since = 0;

  constructor(link) {
    this.link = link;
  }

  install() {
    const { prototype } = scope.MediaDevices ?? {};
    patchMethod(prototype, 'getUserMedia', (call, _, [constraints]) =>
      constraints?.video && !constraints.video.mandatory?.chromeMediaSource ? this.#open(call, constraints) : call(constraints),
    );
    patchMethod(prototype, 'enumerateDevices', async (call) => [...(await call()).filter(({ kind }) => kind !== 'videoinput'), this.#device()]);
  }

  /** Shows JPEGs (base64) in turn, from the first one on. */
  async show({ pictures, everyMs }) {
    const decoded = await Promise.all(pictures.map(decodePicture));
    this.#pictures = decoded;
    this.#everyMs = everyMs;
    this.#since = performance.now();
    this.#paint();
    this.link.note({ t: 'camera', pictures: decoded.length });
  }

  async #open(call, { video, ...others }) {
    const stream = others.audio ? await call(others) : new native.MediaStream();
    this.link.open();
    stream.addTrack(this.#track());
    return stream;
  }

  #track() {
    this.#start();
    const [track] = this.#canvas.captureStream(CAMERA_FPS).getVideoTracks();
    const settings = track.getSettings.bind(track);
    const ours = { ...Object.fromEntries(cameraIds), frameRate: CAMERA_CLAIMS_FPS, width: CAMERA_WIDTH, height: CAMERA_HEIGHT };
    Object.defineProperty(track, 'getSettings', { configurable: true, value: () => ({ ...settings(), ...ours }) });
    return track;
  }

  /** From the first use on: a canvas gives a frame only when it is painted, even if it is the same one. */
  #start() {
    if (this.#canvas) return;
    this.#canvas = document.createElement('canvas');
    this.#canvas.width = CAMERA_WIDTH;
    this.#canvas.height = CAMERA_HEIGHT;
    this.#context = this.#canvas.getContext('2d', { alpha: false, willReadFrequently: true });
    cameraCanvases.add(this.#canvas);
    native.setInterval(() => this.#paint(), 1000 / CAMERA_FPS);
    this.#paint();
  }

  #paint() {
    if (!this.#context) return;
    const turn = this.#everyMs ? Math.floor((performance.now() - this.#since) / this.#everyMs) : 0;
    const picture = this.#pictures[turn % this.#pictures.length];
    if (picture) this.#context.drawImage(picture, 0, 0, CAMERA_WIDTH, CAMERA_HEIGHT);
    else this.#context.fillRect(0, 0, CAMERA_WIDTH, CAMERA_HEIGHT);
  }

  #device() {
    const facts = { ...Object.fromEntries(cameraIds), kind: 'videoinput', label: 'Camera' };
    const device = Object.create(scope.InputDeviceInfo.prototype);
    for (const [key, value] of Object.entries({ ...facts, toJSON: () => facts })) Object.defineProperty(device, key, { value });
    return device;
  }
}

async function decodePicture(text) {
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  return createImageBitmap(new Blob([bytes], { type: 'image/jpeg' }));
}
