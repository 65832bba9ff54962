// Undoes the lab's scrambling of Opus packets (scramble.py) between depacketizer and decoder.

const CLEAR_BYTES = 1;
const stream = new Uint8Array(1500);
let state = 0x5eed;
for (let n = 0; n < stream.length; n++) {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  stream[n] = state >>> 24;
}

function descramble(frame, controller) {
  const data = new Uint8Array(frame.data.slice(0));
  for (let n = CLEAR_BYTES; n < data.length; n++) data[n] ^= stream[n - CLEAR_BYTES];
  frame.data = data.buffer;
  controller.enqueue(frame);
}

onrtctransform = ({ transformer: { readable, writable, options } }) => {
  const transform = options.kind === 'audio' ? descramble : (frame, controller) => controller.enqueue(frame);
  readable.pipeThrough(new TransformStream({ transform })).pipeTo(writable).catch(() => {});
};
