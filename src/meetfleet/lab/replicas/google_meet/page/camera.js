// The visitor's own camera: asked of the browser when it is switched on, given back when it is switched off.

export class OwnCamera {
  /** `changed(stream)`: called with the camera's stream, or with null once it is off. */
  constructor(meet, changed) {
    Object.assign(this, { meet, changed, stream: null, on: false });
  }

  async set(on) {
    this.on = on;
    if (!on) { this.stop(); return; }
    if (this.stream) return;
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 1280 }, height: { ideal: 720 } } });
      this.stream = stream;
      if (!this.on) this.stop(); else this.changed(stream);
    } catch (error) {
      this.meet.tell({ t: 'camera_missing', error: error.name });
    }
  }

  stop() {
    if (!this.stream) return;
    for (const track of this.stream.getTracks()) track.stop();
    this.stream = null;
    this.changed(null);
  }
}
