// A bot that only listens does not ask for pictures: its m-lines of video are negotiated without receiving.
//
// The server then sends none, which saves it and us the traffic. The page goes on to read the direction that it wished for.

const WITHOUT_RECEIVING = { recvonly: 'inactive', sendrecv: 'sendonly' };

class VideoRefusal {
  #wished = new WeakMap(); // transceiver -> the direction that the page wants
  #direction = Object.getOwnPropertyDescriptor(scope.RTCRtpTransceiver?.prototype ?? {}, 'direction');

  install() {
    const { prototype } = scope.RTCPeerConnection;
    for (const name of ['createOffer', 'createAnswer', 'setLocalDescription']) {
      patchMethod(prototype, name, (call, connection, args) => {
        this.#refuseAll(connection);
        return call(...args);
      });
    }
    patchMethod(prototype, 'addTransceiver', (call, _, args) => {
      const transceiver = call(...args);
      this.#refuse(transceiver);
      return transceiver;
    });
    patchGetter(scope.RTCRtpTransceiver.prototype, 'direction', (value, transceiver) =>
      value === 'stopped' ? value : this.#wished.get(transceiver) ?? value,
    );
    watchSetter(scope.RTCRtpTransceiver.prototype, 'direction', (transceiver) => this.#wished.delete(transceiver));
  }

  #refuseAll(connection) {
    if (connection.signalingState !== 'closed') connection.getTransceivers().forEach((one) => this.#refuse(one));
  }

  #refuse(transceiver) {
    const wish = Reflect.apply(this.#direction.get, transceiver, []);
    const without = WITHOUT_RECEIVING[wish];
    if (!without || transceiver.receiver.track.kind !== 'video') return;
    Reflect.apply(this.#direction.set, transceiver, [without]);
    this.#wished.set(transceiver, wish);
  }
}
