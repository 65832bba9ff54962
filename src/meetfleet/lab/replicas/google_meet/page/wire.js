// The little protobuf that the page itself writes, and the reading of a few fields for its own use.

const encoder = new TextEncoder();

function varint(value) {
  const out = [];
  let rest = BigInt(value);
  while (rest > 127n) { out.push(Number(rest & 127n) | 128); rest >>= 7n; }
  out.push(Number(rest));
  return out;
}

/** message([number, value], ...) with numbers as varints; strings and byte arrays are length-delimited. */
export function message(...fields) {
  const out = [];
  for (const [number, value] of fields) {
    if (typeof value === 'number' || typeof value === 'bigint') { out.push(...varint((number << 3) | 0), ...varint(value)); continue; }
    const data = typeof value === 'string' ? encoder.encode(value) : value;
    out.push(...varint((number << 3) | 2), ...varint(data.length), ...data);
  }
  return Uint8Array.from(out);
}

/** A chat message as it is posted on the `meet_messages` channel. */
export function chatRequest(counter, text) {
  const body = message([3, BigInt(Date.now())], [5, message([1, text])], [6, 1]);
  return message([1, message([1, message([1, counter], [3, message([1, message([2, body])])])])]);
}
