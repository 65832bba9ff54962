// A meeting within one page: one connection sends speech and moving pictures to another, and every frame sent is logged.
//
// How the receiving side treats its frames is the `mode`:
//   native   the browser decodes and plays
//   observe  like native, but the page looks at its frames with createEncodedStreams
//   e2ee     frames are scrambled; the page mends them with createEncodedStreams
//   worker   frames are scrambled; the page mends them with a script transform in a worker
//   neteq    the page takes the frames, decodes and plays them in an AudioWorklet; receivers stay silent
//   worklet  no receivers at all: speech comes out of an AudioWorklet

const meeting = (window.meeting = { sent: [], mended: new Set(), pageFrames: 0, log: [] });

async function speech(context) {
  const answer = await fetch('speech.wav');
  return context.decodeAudioData(await answer.arrayBuffer());
}

function flip(data) {
  const bytes = new Uint8Array(data.slice(0));
  for (let i = 1; i < bytes.length; i++) bytes[i] ^= 0x5a;
  return bytes.buffer;
}

const hex = (data) => Array.from(new Uint8Array(data), (b) => b.toString(16).padStart(2, '0')).join('');

function movingPicture(number) {
  const canvas = document.createElement('canvas');
  canvas.width = 320;
  canvas.height = 180;
  const pen = canvas.getContext('2d');
  let n = 0;
  setInterval(() => {
    pen.fillStyle = `hsl(${number * 60} 90% 50%)`;
    pen.fillRect(0, 0, 320, 180);
    pen.fillStyle = '#fff';
    pen.fillRect((n++ * 4) % 320, 80, 20, 20);
  }, 40);
  return canvas.captureStream(25);
}

function preferCodec(transceiver, codec) {
  const codecs = RTCRtpSender.getCapabilities('video').codecs;
  transceiver.setCodecPreferences(codecs.filter((c) => c.mimeType.toLowerCase() === `video/${codec}`));
}

function logSender(sender, scramble) {
  const { readable, writable } = sender.createEncodedStreams();
  const { kind } = sender.track;
  const log = new TransformStream({
    transform(frame, out) {
      if (meeting.quiet) return;
      if (scramble || meeting.scrambles) frame.data = flip(frame.data);
      meeting.sent.push([kind, frame.getMetadata().rtpTimestamp, hex(frame.data), performance.now()]);
      out.enqueue(frame);
    },
  });
  readable.pipeThrough(log).pipeTo(writable);
}

const receive = {
  native: () => undefined,
  observe: ({ receiver }) => pipe(receiver, (frame) => frame),
  e2ee: ({ receiver }) =>
    pipe(receiver, (frame) => {
      frame.data = flip(frame.data);
      return frame;
    }),
  worker: ({ receiver }) => {
    const worker = new Worker('transform.js');
    worker.onmessage = ({ data }) => meeting.mended.add(data);
    receiver.transform = new RTCRtpScriptTransform(worker, { scramble: true });
  },
  neteq: ({ receiver }) => receiver.track.kind === 'audio' && playByItself(receiver),
};

function pipe(receiver, change) {
  const { readable, writable } = receiver.createEncodedStreams();
  const transform = new TransformStream({
    transform(frame, out) {
      meeting.pageFrames += 1;
      out.enqueue(change(frame));
    },
  });
  readable.pipeThrough(transform).pipeTo(writable);
}

async function playByItself(receiver) {
  const { readable } = receiver.createEncodedStreams();
  const context = new AudioContext({ sampleRate: 48000 });
  await context.audioWorklet.addModule('worklet.js');
  const player = new AudioWorkletNode(context, 'neteq-processor', { outputChannelCount: [1] });
  player.connect(context.destination);
  const decoder = new AudioDecoder({
    output: (audio) => {
      const samples = new Float32Array(audio.numberOfFrames);
      audio.copyTo(samples, { planeIndex: 0, format: 'f32-planar' });
      audio.close();
      player.port.postMessage(samples);
    },
    error: (error) => meeting.log.push(String(error)),
  });
  decoder.configure({ codec: 'opus', sampleRate: 48000, numberOfChannels: 1 });
  const reader = readable.getReader();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    meeting.pageFrames += 1;
    decoder.decode(new EncodedAudioChunk({ type: 'key', timestamp: value.timestamp, data: value.data }));
  }
}

function play(event) {
  const element = document.createElement(event.track.kind);
  element.autoplay = true;
  element.srcObject = new MediaStream([event.track]);
  document.getElementById('tiles').append(element);
  if (event.track.kind === 'video') element.muted = true;
}

async function negotiate(from, to) {
  await from.setLocalDescription(await from.createOffer());
  await to.setRemoteDescription(from.localDescription);
  await to.setLocalDescription(await to.createAnswer());
  await from.setRemoteDescription(to.localDescription);
}

meeting.start = async ({ mode = 'native', audio = 1, video = 0, codec = 'vp8', flag = mode !== 'worker' } = {}) => {
  const context = (meeting.context = new AudioContext({ sampleRate: 48000 }));
  const buffer = await speech(context);
  if (mode === 'worklet') return playSpeechFromWorklet(context, buffer);
  const scramble = mode === 'e2ee' || mode === 'worker';
  const sender = (meeting.sender = new RTCPeerConnection({ encodedInsertableStreams: true }));
  const receiver = (meeting.receiver = new RTCPeerConnection(flag ? { encodedInsertableStreams: true } : {}));
  sender.onicecandidate = ({ candidate }) => candidate && receiver.addIceCandidate(candidate);
  receiver.onicecandidate = ({ candidate }) => candidate && sender.addIceCandidate(candidate);
  receiver.ontrack = (event) => {
    receive[mode](event);
    if (mode !== 'neteq' || event.track.kind === 'video') play(event);
  };
  meeting.channel = sender.createDataChannel('collections');
  receiver.ondatachannel = ({ channel }) => (meeting.received = channel);
  meeting.sources = [];
  for (let i = 0; i < audio; i++) {
    const target = context.createMediaStreamDestination();
    meeting.sources.push({ target, buffer });
    logSender(sender.addTrack(target.stream.getAudioTracks()[0], target.stream), scramble);
  }
  for (let i = 0; i < video; i++) {
    const stream = movingPicture(i);
    const transceiver = sender.addTransceiver(stream.getVideoTracks()[0], { direction: 'sendonly', streams: [stream] });
    preferCodec(transceiver, codec);
    logSender(transceiver.sender, scramble);
  }
  await negotiate(sender, receiver);
  return undefined;
};

/** Lets one person speak, from now on. */
meeting.speak = (index = 0) => {
  const { target, buffer } = meeting.sources[index];
  const source = meeting.context.createBufferSource();
  source.buffer = buffer;
  source.connect(target);
  source.start();
};

/** Frames sent, without those of the last moment, and without those that the page's worker came too late for. */
meeting.provable = () =>
  meeting.sent
    .filter(([, rtp, , at]) => at < meeting.ended - 300 && (!meeting.mended.size || meeting.mended.has(rtp)))
    .map((entry) => entry.slice(0, 3));

/** Audio packets that never reached the receiver: a starved machine loses some even within itself. */
meeting.lost = async () =>
  [...(await meeting.receiver.getStats()).values()]
    .filter(({ type, kind }) => type === 'inbound-rtp' && kind === 'audio')
    .reduce((sum, { packetsLost }) => sum + packetsLost, 0);

/** Energy of the sound that receivers have decoded, and the loudest level that packets claim now. */
meeting.heard = async () => {
  const inbound = [...(await meeting.receiver.getStats()).values()].filter(({ type }) => type === 'inbound-rtp');
  const claims = meeting.receiver.getReceivers().flatMap((receiver) => receiver.getSynchronizationSources());
  return {
    kinds: inbound.map(({ kind }) => kind),
    energy: inbound.reduce((sum, { totalAudioEnergy = 0 }) => sum + totalAudioEnergy, 0),
    level: Math.max(0, ...claims.map(({ audioLevel = 0 }) => audioLevel)),
  };
};

/** Sends nothing more, lets what is under way arrive, and ends the call. */
meeting.hangUp = async () => {
  meeting.quiet = true;
  meeting.ended = performance.now();
  await new Promise((done) => setTimeout(done, 1000));
  meeting.sender.close();
  meeting.receiver.close();
};

async function playSpeechFromWorklet(context, buffer) {
  await context.audioWorklet.addModule('worklet.js');
  const player = new AudioWorkletNode(context, 'neteq-processor', { outputChannelCount: [1] });
  player.connect(context.destination);
  meeting.speak = () => {
    const samples = buffer.getChannelData(0);
    for (let i = 0; i < samples.length; i += 960) player.port.postMessage(samples.slice(i, i + 960));
  };
}
