import { readFileSync } from "node:fs";
import { join } from "node:path";

const folder = join(import.meta.dirname, "..", "..", "packages", "protocol", "vectors");
const read = (name: string): unknown => JSON.parse(readFileSync(join(folder, name), "utf8"));
const bytesOf = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex, "hex"));

type Values = Readonly<Record<string, unknown>>;
interface Hex {
  readonly hex: string;
}

const frameFile = read("frames.json") as { readonly valid: readonly Hex[]; readonly invalid: readonly Hex[] };
const routedFile = read("routed-frames.json") as {
  readonly valid: readonly Hex[];
  readonly deliveries: { readonly valid: readonly Hex[] };
};
const sealedFile = read("sealed-frames.json") as { readonly frames: readonly Hex[] };
const statementFile = read("statements.json") as { readonly valid: readonly { readonly compact: string }[] };
const messageFile = read("session-messages.json") as {
  readonly handshake: Values;
  readonly requests: Values;
  readonly replies: Values;
  readonly pushes: Values;
  readonly routeBodies: Values;
  readonly envelopeBodies: Values;
};
const linkFile = read("invite-links.json") as { readonly valid: readonly { readonly link: string }[] };

/** What mutation starts from: the test vectors. */
export const corpus = {
  frames: [...frameFile.valid, ...frameFile.invalid].map(({ hex }) => bytesOf(hex)),
  routed: [...routedFile.valid, ...sealedFile.frames].map(({ hex }) => bytesOf(hex)),
  deliveries: routedFile.deliveries.valid.map(({ hex }) => bytesOf(hex)),
  compacts: statementFile.valid.map(({ compact }) => compact),
  handshake: Object.values(messageFile.handshake),
  requests: Object.entries(messageFile.requests).map(([type, body], index) => ({ id: index + 1, type, body })),
  nodeMessages: [
    ...Object.values(messageFile.replies).map((body, index) => ({ re: index + 1, body })),
    ...Object.entries(messageFile.pushes).map(([type, body]) => ({ type, body })),
  ],
  routeBodies: messageFile.routeBodies,
  envelopeBodies: Object.values(messageFile.envelopeBodies).flat(),
  links: linkFile.valid.map(({ link }) => link),
} as const;
