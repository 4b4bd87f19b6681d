import { fromBase64url } from "@parley/protocol";

const label = new TextEncoder().encode("parley frame v1\0");

/** What the signature of a routed frame covers: label, mesh id, header as carried, SHA-256 of the content as carried. */
export async function signedBytes(
  mesh: string,
  header: Uint8Array,
  content: Uint8Array<ArrayBuffer>,
): Promise<Uint8Array<ArrayBuffer>> {
  const meshBytes = fromBase64url(mesh) ?? new Uint8Array(32);
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", content));
  const bytes = new Uint8Array(label.length + meshBytes.length + header.length + hash.length);
  bytes.set(label, 0);
  bytes.set(meshBytes, label.length);
  bytes.set(header, label.length + meshBytes.length);
  bytes.set(hash, label.length + meshBytes.length + header.length);
  return bytes;
}
