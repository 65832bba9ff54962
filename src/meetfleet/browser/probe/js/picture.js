// The page rung for pictures: where the page paints its meeting on a canvas, that canvas, encoded as VP8.

/** Ids of tracks whose packets are taped; a page may show them in any element. */
const remoteTracks = new Set();
const PICTURE_KEY_MS = 4000;

class PictureRung {
  #stop = null;

  constructor(link) {
    this.link = link;
  }

  /** How many moving pictures the page shows that come from no receiver, and are not its own camera either. */
  count() {
    const videos = [...document.querySelectorAll('video')].filter((video) => {
      const remote = video.srcObject?.getVideoTracks?.().some((track) => remoteTracks.has(track.id) || isOwnCamera(track));
      return !video.paused && video.videoWidth * video.videoHeight > 64 * 64 && !remote;
    });
    return videos.length + (this.find() ? 1 : 0);
  }

  /** The largest visible canvas, if it is large enough to be the meeting. */
  find() {
    let best = null;
    for (const canvas of document.querySelectorAll('canvas')) {
      const { width, height } = canvas.getBoundingClientRect();
      const area = canvas.width && canvas.height ? width * height : 0;
      if (area > (best?.area ?? (innerWidth * innerHeight) / 4)) best = { canvas, area };
    }
    return best?.canvas ?? null;
  }

  /** Starts or stops. Tells the bot whether there is such a canvas; if not it films the tab. */
  serve({ on, fps, kbps }) {
    this.#stop?.();
    this.#stop = null;
    const canvas = on ? this.find() : null;
    if (on) this.link.note({ t: 'canvas', found: canvas !== null });
    if (canvas) this.#encode(canvas, fps, kbps).catch((error) => this.link.fault('picture', error));
  }

  async #encode(canvas, fps, kbps) {
    const [source] = canvas.captureStream(fps).getVideoTracks();
    const track = new Track(this.link, { kind: 'video', rung: 'page', mix: true });
    let keyAt = 0;
    const encoder = new VideoEncoder({
      output: (chunk) => this.#send(track, chunk, canvas),
      error: (error) => this.link.fault('picture', error),
    });
    this.#stop = () => source.stop();
    const reader = new MediaStreamTrackProcessor({ track: source }).readable.getReader();
    for (;;) {
      const { value: frame, done } = await reader.read();
      if (done) break;
      const keyFrame = performance.now() - keyAt > PICTURE_KEY_MS;
      if (keyFrame) keyAt = performance.now();
      this.#configure(encoder, frame, fps, kbps);
      if (encoder.encodeQueueSize < 3) encoder.encode(frame, { keyFrame });
      frame.close();
    }
    encoder.close();
    track.end();
  }

  #configure(encoder, { displayWidth, displayHeight }, fps, kbps) {
    const size = `${displayWidth}x${displayHeight}`;
    if (encoder.size === size) return;
    encoder.size = size;
    encoder.configure({
      codec: 'vp8',
      width: displayWidth,
      height: displayHeight,
      framerate: fps,
      bitrate: kbps * 1000,
      latencyMode: 'realtime',
    });
  }

  #send(track, chunk, canvas) {
    const payload = new Uint8Array(chunk.byteLength);
    chunk.copyTo(payload);
    const rtp = Math.round((chunk.timestamp / 1000) * 90);
    const { width, height } = canvas;
    track.send({ kind: VIDEO, at: epochMs(), rtp, ssrc: 0, key: chunk.type === 'key', width, height }, payload, 'vp8');
  }
}
