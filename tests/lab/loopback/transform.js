// The page's own script transform: mends what the sender scrambled, or only looks.
onrtctransform = ({ transformer }) => {
  const { scramble } = transformer.options;
  const mend = new TransformStream({
    transform(frame, out) {
      if (scramble) frame.data = flip(frame.data);
      postMessage(frame.getMetadata().rtpTimestamp);
      out.enqueue(frame);
    },
  });
  transformer.readable.pipeThrough(mend).pipeTo(transformer.writable);
};

function flip(data) {
  const bytes = new Uint8Array(data.slice(0));
  for (let i = 1; i < bytes.length; i++) bytes[i] ^= 0x5a;
  return bytes.buffer;
}
