/** Bytes of a name that every file system takes, with room for what a transfer puts behind it. */
const mostBytes = 200;
/** Names that Windows keeps for devices, with any ending. */
const devices = /^(con|prn|aux|nul|com\d|lpt\d)(\..*)?$/i;

/**
 * A file name from what a stranger called something: no folders, nothing that steers a terminal or hides, nothing that means
 * something to a file system. Never empty.
 */
export function safeFileName(name: string): string {
  const last = name.split(/[/\\]/).at(-1) ?? "";
  const plain = last
    .normalize("NFC")
    // Control characters and surrogates without their other half, what changes the direction of text, what a shell or a file system keeps for itself.
    .replaceAll(/[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029<>:"|?*]/gu, "_")
    .replace(/^[.\s-]+/, "_")
    .replace(/[.\s]+$/, "");
  const short = shortened(plain === "" ? "attachment" : plain);
  return devices.test(short) ? `_${short}` : short;
}

/** Cut in the middle, so that the ending stays. */
function shortened(name: string): string {
  const encoder = new TextEncoder();
  if (encoder.encode(name).length <= mostBytes) return name;
  const [ending = ""] = /\.[A-Za-z0-9]{1,10}$/.exec(name) ?? [];
  const room = new Uint8Array(mostBytes - ending.length);
  // What does not fit as a whole character is not written at all.
  const { written } = encoder.encodeInto(name.slice(0, name.length - ending.length), room);
  return new TextDecoder().decode(room.subarray(0, written)) + ending;
}
