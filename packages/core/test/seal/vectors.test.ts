import { readFileSync } from "node:fs";

import { FrameOpener, importEncryptionKey, type VerifiedMember } from "@parley/core";
import { toBase64url } from "@parley/protocol";
import { describe, expect, it } from "vitest";

import { fromHex } from "./fixed-seal.ts";

interface SealVectors {
  readonly mesh: string;
  readonly fromMember: string;
  readonly fromDevice: string;
  readonly toMember: string;
  readonly signer: { readonly publicKey: string };
  readonly recipient: { readonly seed: string; readonly kid: string };
  readonly frames: readonly { readonly name: string; readonly content: string; readonly hex: string }[];
}

const path = new URL("../../../protocol/vectors/sealed-frames.json", import.meta.url);
const vectors = JSON.parse(readFileSync(path, "utf8")) as SealVectors;
const key = await importEncryptionKey(
  toBase64url(fromHex(`302e020100300506032b656e04220420${vectors.recipient.seed}`)),
);

describe("the vectors of sealed frames", () => {
  it.each(vectors.frames)("open to their content: $name", async ({ hex, content }) => {
    const device = { device: vectors.fromDevice, key: vectors.signer.publicKey, label: "x" };
    const opener = new FrameOpener({
      mesh: vectors.mesh,
      member: vectors.toMember,
      device: toBase64url(new Uint8Array(32).fill(42)),
      boot: toBase64url(new Uint8Array(16).fill(44)),
      encryptionKey: (kid) => (kid === vectors.recipient.kid ? key : undefined),
      sender: () =>
        Promise.resolve({
          member: vectors.fromMember,
          devices: new Map([[device.device, device]]),
        } as unknown as VerifiedMember),
      now: () => 0,
    });
    expect(Buffer.from((await opener.open(fromHex(hex))).frame).toString("hex")).toBe(content);
  });
});
