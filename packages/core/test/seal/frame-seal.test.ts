import {
  createEncryptionKey,
  createSigner,
  type EncryptionKey,
  exportEncryptionKey,
  FrameOpener,
  type FrameOpenerOptions,
  FrameSealer,
  importEncryptionKey,
  systemRandom,
  type SealTo,
  type Signer,
  type VerifiedMember,
} from "@parley/core";
import { limits, routedHeaderBytes, toBase64url } from "@parley/protocol";
import { describe, expect, it } from "vitest";

import { coded } from "../trust/coded.ts";

const now = Date.UTC(2026, 0, 1);
const id = (byte: number, length = 32): string => toBase64url(new Uint8Array(length).fill(byte));
const [mesh, alice, bob, bobsDevice, boot] = [id(1), id(2), id(3), id(4), id(5, 16)];
const frame = new TextEncoder().encode("planted frame");

const device: Signer = await createSigner("device");
const encryption: EncryptionKey = await createEncryptionKey();
const listed = {
  devices: new Map([[device.id, { device: device.id, key: device.publicKey, label: "x" }]]),
  member: alice,
};
const sealer = new FrameSealer({ mesh, member: alice, device, random: systemRandom });

const to: SealTo = {
  member: bob,
  device: bobsDevice,
  encryption: { kid: encryption.kid, key: encryption.publicKey },
  boot,
  store: false,
  expires: now + 1000,
};
const seal = async (change: Partial<SealTo> = {}) => (await sealer.seal(frame, { ...to, ...change })).bytes;

const openerOf = (change: Partial<FrameOpenerOptions> = {}): FrameOpener =>
  new FrameOpener({
    mesh,
    member: bob,
    device: bobsDevice,
    boot,
    encryptionKey: (kid) => (kid === encryption.kid ? encryption : undefined),
    sender: () => Promise.resolve(listed as unknown as VerifiedMember),
    now: () => now,
    ...change,
  });
const verdict = async (bytes: Uint8Array | Promise<Uint8Array>, change: Partial<FrameOpenerOptions> = {}) =>
  coded(openerOf(change).open(await bytes));

describe("a sealed frame", () => {
  it("opens for its recipient and says from whom it came", async () => {
    const opened = await openerOf().open(await seal());
    expect(opened.frame).toEqual(frame);
    expect([opened.device, opened.routed.fromMember, opened.routed.bootNonce]).toEqual([device.id, alice, boot]);
  });

  it("does not show its content", async () => {
    expect(Buffer.from(await seal()).includes(Buffer.from(frame))).toBe(false);
  });

  it.each([
    ["another member", { member: id(9) }, "cannot_open"],
    ["another device", { device: id(9) }, "cannot_open"],
    ["another start", { boot: id(9, 16) }, "replayed"],
    ["another mesh", { mesh: id(9) }, "bad_signature"],
    ["one without the key", { encryptionKey: () => undefined }, "cannot_open"],
    [
      "one who does not list the sending device",
      { sender: () => Promise.resolve({ ...listed, devices: new Map() } as unknown as VerifiedMember) },
      "bad_signature",
    ],
    [
      "one whose directory answers with another member",
      { sender: () => Promise.resolve({ ...listed, member: id(9) } as unknown as VerifiedMember) },
      "bad_signature",
    ],
  ] as const)("does not open for %s", async (_who, change, code) => {
    expect(await verdict(seal(), change as Partial<FrameOpenerOptions>)).toBe(code);
  });

  it("does not open with another private key under the same id", async () => {
    const other = await createEncryptionKey();
    expect(await verdict(seal(), { encryptionKey: () => other })).toBe("cannot_open");
  });

  it.each([
    [now - limits.clockSkewMs, "none"],
    [now - limits.clockSkewMs - 1, "expired"],
    [0, "none"],
  ])("with expiry %i gives %s", async (expires, code) => {
    expect(await verdict(seal({ expires }))).toBe(code);
  });

  it("must name the start that it is meant for unless it is stored", async () => {
    expect(await verdict(seal({ boot: undefined }))).toBe("replayed");
    expect(await verdict(seal({ boot: undefined, store: true, device: undefined }))).toBe("none");
  });

  it("opens once, and again only when it comes from the mailbox", async () => {
    const opener = openerOf();
    const [live, stored] = [await seal(), await seal({ store: true, boot: undefined })];
    expect([await coded(opener.open(live)), await coded(opener.open(live))]).toEqual(["none", "replayed"]);
    expect([await coded(opener.open(stored)), await coded(opener.open(stored))]).toEqual(["none", "none"]);
  });

  it("opens in any order", async () => {
    const frames = await Promise.all(Array.from({ length: 20 }, () => seal()));
    const opener = openerOf();
    for (const bytes of frames.toReversed()) expect(await coded(opener.open(bytes))).toBe("none");
  });

  it("gives a coded error and nothing else for a flipped bit at every place", async () => {
    const bytes = await seal();
    const opener = openerOf();
    const verdicts = new Set<string>();
    for (let at = 0; at < bytes.length; at++) {
      const altered = bytes.slice();
      altered[at] = (altered[at] ?? 0) ^ (1 << (at % 8));
      verdicts.add(await coded(opener.open(altered)));
    }
    expect([...verdicts].filter((code) => code === "none" || code === "uncoded")).toEqual([]);
    expect(await coded(opener.open(bytes))).toBe("none");
  });

  it("gives a coded error wherever it is cut", async () => {
    const bytes = await seal();
    for (const end of [0, 1, 100, 216, routedHeaderBytes, routedHeaderBytes + 1, bytes.length - 1]) {
      expect(await verdict(bytes.subarray(0, end))).not.toMatch(/none|uncoded/);
    }
  });

  it("of the largest size fits the wire, and one byte more does not", async () => {
    const largest = new Uint8Array(limits.routedFrameBytes - routedHeaderBytes - 16);
    expect(await verdict((await sealer.seal(largest, to)).bytes)).toBe("none");
    expect(await verdict((await sealer.seal(new Uint8Array(largest.length + 1), to)).bytes)).toBe("too_large");
    expect(largest.length).toBeGreaterThanOrEqual(limits.frameBytes);
  });

  it("is made of the bytes that the caller gave, even if it uses them again at once", async () => {
    const buffer = new Uint8Array([1, 2, 3]);
    const sealing = sealer.seal(buffer, to);
    buffer.fill(9);
    expect((await openerOf().open((await sealing).bytes)).frame).toEqual(new Uint8Array([1, 2, 3]));
  });
});

describe("sealing", () => {
  it("never uses a counter twice under one key, however many frames are made at once", async () => {
    const opener = openerOf();
    const fresh = new FrameSealer({ mesh, member: alice, device, random: systemRandom });
    const frames = await Promise.all(Array.from({ length: 50 }, () => fresh.seal(frame, to)));
    const counters = await Promise.all(frames.map(async ({ bytes }) => (await opener.open(bytes)).routed.counter));
    expect(new Set(counters).size).toBe(50);
    expect(new Set(frames.map(({ frameId }) => frameId)).size).toBe(50);
  });

  it("does not carry a context over to another process", async () => {
    const [one, two] = [0, 1].map(() => new FrameSealer({ mesh, member: alice, device, random: systemRandom }));
    const heads = await Promise.all(
      [one, two].map(async (each) => (await each?.seal(frame, to))?.bytes.slice(178, 210)),
    );
    expect(heads[0]).not.toEqual(heads[1]);
  });

  it.each(["", "AAAA", id(0), toBase64url(new Uint8Array(33))])(
    "to a key that is none gives a coded error: %j",
    async (key) => {
      expect(await coded(sealer.seal(frame, { ...to, encryption: { kid: id(7, 8), key } }))).toBe("invalid_argument");
    },
  );

  it("works with a private key that never leaves the platform", async () => {
    const locked = await createEncryptionKey({ extractable: false });
    const bytes = seal({ encryption: { kid: locked.kid, key: locked.publicKey } });
    expect(await verdict(bytes, { encryptionKey: () => locked })).toBe("none");
  });
});

describe("an encryption key", () => {
  it("comes back from its stored form with the same id", async () => {
    const again = await importEncryptionKey(await exportEncryptionKey(encryption));
    expect([again.kid, again.publicKey]).toEqual([encryption.kid, encryption.publicKey]);
    expect(await verdict(seal(), { encryptionKey: () => again })).toBe("none");
  });

  it.each(["", "AAAA", "!"])("cannot be read from %j", async (stored) => {
    expect(await coded(importEncryptionKey(stored))).toBe("invalid_argument");
  });
});
