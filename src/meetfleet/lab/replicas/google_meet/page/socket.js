// The page's line to the lab: JSON both ways, opened again whenever it breaks.

const RETRY_MS = 500;

export class Socket {
  constructor(code, visit, onMessage, onLine) {
    this.url = `wss://${location.host}/_/socket/${code}/${visit}`;
    this.onMessage = onMessage;
    this.onLine = onLine;
    this.waiting = [];
    this.over = false;
    this.open();
  }

  open() {
    this.ws = new WebSocket(this.url);
    this.ws.onopen = () => {
      for (const text of this.waiting.splice(0)) this.ws.send(text);
      this.onLine(true);
    };
    this.ws.onmessage = (event) => this.onMessage(JSON.parse(event.data));
    this.ws.onclose = () => {
      if (this.over) return;
      this.onLine(false);
      setTimeout(() => this.open(), RETRY_MS);
    };
  }

  tell(message) {
    const text = JSON.stringify(message);
    if (this.ws.readyState === WebSocket.OPEN) this.ws.send(text);
    else this.waiting.push(text);
  }

  close() {
    this.over = true;
    setTimeout(() => this.ws.close(), 300);
  }
}
