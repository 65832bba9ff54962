// A call within one page: a tone and a moving picture go from one connection to another and are played.
async () => {
  const context = new AudioContext();
  const tone = new OscillatorNode(context, { frequency: 440 });
  const voice = new GainNode(context, { gain: 0.3 });
  const sound = context.createMediaStreamDestination();
  tone.connect(voice).connect(sound);
  tone.start();
  const canvas = Object.assign(document.createElement('canvas'), { width: 320, height: 180 });
  const pen = canvas.getContext('2d');
  let n = 0;
  setInterval(() => {
    pen.fillStyle = `hsl(${n++ % 360} 90% 50%)`;
    pen.fillRect(0, 0, 320, 180);
  }, 40);
  const from = new RTCPeerConnection();
  const to = new RTCPeerConnection();
  from.onicecandidate = ({ candidate }) => candidate && to.addIceCandidate(candidate);
  to.onicecandidate = ({ candidate }) => candidate && from.addIceCandidate(candidate);
  to.ontrack = ({ track }) => {
    const element = document.createElement(track.kind);
    element.srcObject = new MediaStream([track]);
    document.body.append(element);
    element.play().catch(() => undefined);
  };
  from.addTrack(sound.stream.getAudioTracks()[0], sound.stream);
  from.addTrack(canvas.captureStream(25).getVideoTracks()[0]);
  await from.setLocalDescription();
  await to.setRemoteDescription(from.localDescription);
  await to.setLocalDescription();
  await from.setRemoteDescription(to.localDescription);
}
