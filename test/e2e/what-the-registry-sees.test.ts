/**
 * Backs docs/what-the-registry-sees.md, row by row: everything that reaches a registry, or that it keeps, on a mesh in which
 * every content is marked. What the page calls hidden must not be found in any writing; what it calls seen must.
 */
import { decodeRoutedFrame, type RoutedFrame } from "@parley/protocol";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { Capture } from "./capture/capture.ts";
import type { CapturedMember } from "./capture/captured-mesh.ts";
import { manyBytes, MarkedMesh } from "./capture/marked-mesh.ts";
import { Marker, type SecretMarker } from "./capture/marker.ts";

let marked: MarkedMesh;
const undo: (() => void | Promise<void>)[] = [];

beforeAll(async () => {
  marked = await MarkedMesh.start((step) => void undo.push(step));
}, 120_000);
afterAll(async () => {
  for (const step of undo.toReversed()) await step();
});

/** All that the registry got, kept and said. */
const everything = (): readonly Capture[] => [marked.mesh.capture, marked.kept, marked.said];

/** Sealed frames that came to the registry. */
function framesIn(capture: Capture): readonly (RoutedFrame & { readonly length: number })[] {
  return capture.at("socket-in").flatMap((bytes) => {
    if (bytes[0] === 0x7b) return [];
    const frame = decodeRoutedFrame(bytes);
    return frame.ok ? [{ ...frame.value, length: bytes.length }] : [];
  });
}

const between = (capture: Capture, from: CapturedMember, to: CapturedMember) =>
  framesIn(capture).filter(
    ({ fromMember, toMember }) => fromMember === from.device.member && toMember === to.device.member,
  );

const foundAt = (marker: SecretMarker): readonly string[] => everything().flatMap((capture) => capture.find(marker));

/** Nothing of it is anywhere: on no way, in no file, log or count. */
function expectHidden(...whats: readonly string[]): void {
  const found = whats.flatMap((what) => foundAt(marked.plants.of(what)).map((place) => `${what} at ${place}`));
  expect(found).toEqual([]);
}

/** It passed, and the capture does find what passes. */
function expectSeen(...whats: readonly string[]): void {
  expect(whats.filter((what) => marked.mesh.capture.find(marked.plants.of(what)).length === 0)).toEqual([]);
}

const isKept = (what: string): boolean => marked.kept.find(marked.plants.of(what)).length > 0;

const requests = (capture: Capture, type: string) =>
  capture.messages("socket-in").filter((message) => message["type"] === type);

/** A private key that the registry must never have: it is nowhere that bytes were seen. */
async function expectSecretKey(key: CryptoKey): Promise<void> {
  // RFC 8410 section 7: the key itself is what PKCS #8 ends with.
  const seed = new Uint8Array(await crypto.subtle.exportKey("pkcs8", key)).slice(-32);
  expect(foundAt(Marker.secret(seed))).toEqual([]);
}

/** Of the datagrams of links as well, which only the network carries. */
function expectHiddenOnLinks(...whats: readonly string[]): void {
  expectHidden(...whats);
  expect(whats.filter((what) => marked.plants.of(what).in(marked.tap.bytes).length > 0)).toEqual([]);
}

const idMarker = (id: string): Marker => new Marker("id", id);
const taskParts = ["task-progress", "task-artifact", "task-output", "task-error"];

describe("of a path", () => {
  it("direct, the registry sees no byte, and the network DTLS", () => {
    expectHiddenOnLinks("direct-message", "live-message");
    expect(marked.part("direct").bytes).toBeLessThan(manyBytes / 2);
    expect(marked.tap.bytes.length).toBeGreaterThan(manyBytes);
    const kinds = new Set(marked.tap.datagrams.map((datagram) => datagram[0]));
    // STUN, and the handshake and the records of DTLS (RFC 7983 section 7).
    expect([...kinds].every((kind = 0) => kind <= 3 || (kind >= 20 && kind <= 63))).toBe(true);
    expect(kinds).toContain(22);
    expect(kinds).toContain(23);
  });

  it("by relay, the registry sees who, to whom, how much and until when, and no content", () => {
    expectHidden("task-input-relay", "relayed-message", ...taskParts);
    const frames = between(marked.part("relay"), marked.bob, marked.dave);
    expect(frames.length).toBeGreaterThan(0);
    for (const frame of frames) {
      expect(frame).toMatchObject({ fromDevice: marked.bob.device.device, store: false });
      expect(frame.length).toBeGreaterThan(marked.plants.text("relayed-message").length);
    }
    expect(frames.some(({ expires }) => expires > 0)).toBe(true);
  });

  it("by mailbox, the registry sees that something waits, for whom, and when it was taken, and no content", () => {
    expectHidden("mailbox-message", "mailbox-edit");
    const [frame] = between(marked.part("mailbox"), marked.carol, marked.dave).filter(({ store }) => store);
    expect(frame).toMatchObject({ fromDevice: marked.carol.device.device, toMember: marked.dave.device.member });
    expect(marked.part("while it waits").find(Marker.secret(frame?.content ?? new Uint8Array(1)))).toEqual([
      "kept registry.db-wal: plain",
    ]);
    expect(requests(marked.part("mailbox"), "mailbox.ack").length).toBeGreaterThan(0);
  });

  it("that is signalled, the registry sees that two devices signal, and no address, candidate or fingerprint", () => {
    const signals = [
      ...between(marked.part("direct"), marked.alice, marked.bob),
      ...between(marked.part("direct"), marked.bob, marked.alice),
    ];
    expect(signals.length).toBeGreaterThan(1);
    expect(signals.every(({ store, bootNonce }) => !store && bootNonce !== undefined)).toBe(true);
    const sockets = Buffer.concat([...marked.part("direct").at("socket-in", "socket-out")]);
    for (const word of ["candidate:", "a=fingerprint", "a=ice-ufrag", "typ host"]) {
      expect([word, ...new Marker("word", word).in(sockets)]).toEqual([word]);
    }
    expect(requests(marked.part("direct"), "ice.get").length).toBeGreaterThan(0);
  });
});

describe("of what is said and done", () => {
  it("a direct message shows what its path shows, with its edits and typing, and its shared secret shows nowhere", () => {
    expectHiddenOnLinks("mailbox-message", "mailbox-edit", "shared-secret", "secret-message");
    expect(between(marked.part("secret"), marked.carol, marked.dave).length).toBeGreaterThan(0);
  });

  it("a post to a public channel shows whole, with its edits, and is kept", () => {
    expectSeen("channel-name", "channel-topic", "public-post", "public-edit");
    expect(["channel-name", "channel-topic", "public-post", "public-edit"].filter(isKept)).toHaveLength(4);
    expect(marked.part("public channel").find(idMarker(marked.alice.device.member))).not.toEqual([]);
    expect(requests(marked.part("public channel"), "channel.typing").length).toBeGreaterThan(0);
  });

  it("a post to an encrypted channel shows its channel, author and size, and not what it says", () => {
    expectHidden("encrypted-post", "encrypted-edit", "encrypted-answer");
    expectSeen("den-name", "den-topic");
    for (const author of [marked.alice, marked.carol])
      expect(marked.part("encrypted channel").find(idMarker(author.device.member))).not.toEqual([]);
  });

  it("a task by a link does not show, nor its skill", () => {
    expectHiddenOnLinks("task-input-direct", ...taskParts);
    const skill = Buffer.from('"skill":"work"');
    expect(
      marked
        .part("direct")
        .at("socket-in", "socket-out")
        .some((bytes) => bytes.includes(skill)),
    ).toBe(false);
    expect(
      between(marked.part("direct"), marked.alice, marked.bob).every(({ bootNonce }) => bootNonce !== undefined),
    ).toBe(true);
  });

  it("a task by relay shows between whom and how much, and neither skill, input, progress, output nor error", () => {
    expectHidden("task-input-relay", ...taskParts);
    const sockets = marked.part("relay").at("socket-in", "socket-out");
    expect(sockets.some((bytes) => bytes.includes('"skill":"work"'))).toBe(false);
    expect(between(marked.part("relay"), marked.dave, marked.bob).length).toBeGreaterThan(0);
    expect(between(marked.part("relay"), marked.bob, marked.dave).length).toBeGreaterThan(0);
  });

  it("an attachment shows sizes and hashes of sealed parts and who puts and gets them, and not its bytes, name or type", () => {
    expectHidden("file-bytes", "file-name", "file-type");
    const asked = marked
      .part("attachments")
      .at("http-in")
      .map((bytes) => bytes.toString("latin1"));
    const [, hash = ""] =
      asked.map((line) => /^PUT \/blobs\/([\w-]{43})/.exec(line)).find((match) => match !== null) ?? [];
    expect(asked.some((line) => line.startsWith(`GET /blobs/${hash}`))).toBe(true);
    expect(
      marked
        .part("attachments")
        .at("http-in")
        .some((bytes) => bytes.length > marked.plants.text("file-bytes").length * 4000),
    ).toBe(true);
    expect(asked.filter((line) => /authorization\nBearer /i.test(line)).length).toBeGreaterThan(1);
    expect(
      marked.kept.at(`kept blobs/${hash}`).length + marked.kept.find(new Marker("hash", hash)).length,
    ).toBeGreaterThan(0);
  });
});

describe("of the directory", () => {
  it("names, roles, devices and cards show whole, and are kept", () => {
    expectSeen("member-name", "device-label", "card-description", "skill-description", "skill-tag");
    expect(["member-name", "device-label", "card-description", "skill-description"].filter(isKept)).toHaveLength(4);
  });

  it("presence shows which device is connected, whether it reads, how it is available, and whom it watches", () => {
    const watched = requests(marked.mesh.capture, "directory.watch").map((message) => JSON.stringify(message["body"]));
    expect(watched.some((body) => body.includes(marked.bob.device.member))).toBe(true);
    expect(requests(marked.part("directory"), "presence.set").map(({ body }) => body)).toContainEqual({
      availability: "away",
    });
    const pushes = marked.mesh.capture.messages("socket-out").filter(({ type }) => type === "presence");
    expect(JSON.stringify(pushes)).toContain('"state":"connected"');
    expect(JSON.stringify(requests(marked.mesh.capture, "presence.set"))).toContain('"consumer":"reading"');
  });

  it("a search of members shows its words, and they are not kept", () => {
    expectSeen("directory-search");
    expect(isKept("directory-search")).toBe(false);
    expect(marked.said.find(marked.plants.of("directory-search"))).toEqual([]);
  });

  it("a search of one's own messages shows nowhere", () => {
    expectHiddenOnLinks("own-search");
  });

  it("a block shows who blocks whom", () => {
    const blocks = marked
      .part("directory")
      .messages("socket-in")
      .filter(({ type }) => type === "blocks.set");
    expect(JSON.stringify(blocks)).toContain(marked.bob.device.member);
  });

  it("a lease shows its resource, note and holder, and is kept", () => {
    expectSeen("lease-resource", "lease-note");
    expect(isKept("lease-resource") && isKept("lease-note")).toBe(true);
    expect(requests(marked.part("directory"), "resource.take")).toHaveLength(1);
  });
});

describe("of what is decided", () => {
  it("a policy, a pause and its reason show whole, and are kept", () => {
    expectSeen("policy-note", "pause-reason");
    expect(["policy-note", "pause-reason"].filter(isKept)).toHaveLength(2);
  });

  it("an approval of a task shows who asks whom, and neither what is to be done, a question nor an answer", () => {
    expectHidden("guarded-input", "asked-question", "given-answer");
    const asked = between(marked.part("decisions"), marked.bob, marked.mesh.operator);
    const answered = between(marked.part("decisions"), marked.mesh.operator, marked.bob);
    expect([asked.length > 0, answered.length > 1]).toEqual([true, true]);
  });

  it("an agreement shows who acts when, and nothing of its terms", () => {
    expectHidden("agreed-task", "payment-reference", "agreed-conditions", "evidence-place", "delivery-note");
    expectHidden("dispute-reason", "resolution-note");
    const part = marked.part("agreements");
    expect(between(part, marked.dave, marked.bob).length).toBeGreaterThan(1);
    const [first] = requests(part, "agreement.advance");
    expect(first?.["body"]).toMatchObject({
      number: 1,
      members: [marked.dave.device.member, marked.bob.device.member],
    });
  });

  it("an open offer shows whole, until it is taken", () => {
    expectSeen("offered-task");
    expect(isKept("offered-task")).toBe(true);
  });

  it("an API key shows when it is made and used, and its hash and name alone are kept", () => {
    expectSeen("key-name");
    expect(isKept("key-name")).toBe(true);
    const [, id = "", secret = ""] = marked.apiKey.split("_");
    expect(marked.part("decisions").placesOf(secret)).toEqual(["socket-out"]);
    expect(marked.kept.placesOf(id)).not.toEqual([]);
    const kept = [marked.kept, marked.said].flatMap((capture) => capture.find(new Marker("secret", secret)));
    expect(kept).toEqual([]);
  });

  it("the audit has who did what to whom, and it is kept", () => {
    const places = ["policy.published", "restrictions.published", "member.admitted"].map((act) =>
      marked.kept.placesOf(act),
    );
    expect(places.filter((found) => found.length === 0)).toEqual([]);
  });
});

describe("of those who come in", () => {
  it("a pairing shows name, kind, label, address and public keys, and no private key", async () => {
    expectSeen("member-name", "device-label");
    const listed = marked
      .part("pairing")
      .messages("socket-out")
      .map((message) => JSON.stringify(message));
    expect(listed.some((line) => line.includes('"address":"127.0.0.1"'))).toBe(true);
    expect(marked.part("pairing").find(idMarker(marked.alice.joined.identity.rootKey))).not.toEqual([]);
    for (const { joined } of [marked.alice, marked.bob, marked.carol, marked.mesh.operator])
      for (const signer of [joined.identity.root, joined.identity.device])
        if (signer !== undefined) await expectSecretKey(signer.privateKey);
  });

  it("a new device shows its label and keys once it is listed, and neither the link's secret nor a private key", async () => {
    expectSeen("new-device");
    expect(foundAt(new Marker("secret", marked.mesh.deviceSecret))).toEqual([]);
    await expectSecretKey(marked.phone.joined.identity.device.privateKey);
    for (const key of marked.phone.joined.identity.encryptionKeys) await expectSecretKey(key.privateKey);
  });

  it("a private key that it does have is found: the node's own", async () => {
    const [stored = Buffer.alloc(0)] = marked.kept.at("kept node.key");
    const seed = Buffer.from(stored.toString().trim(), "base64url").subarray(-32);
    expect(seed).toHaveLength(32);
    expect(foundAt(Marker.secret(seed))).toContain("kept node.key: base64url");
  });

  it("history for a new device shows nowhere: it goes by a link", () => {
    expectHiddenOnLinks("mailbox-message");
    expect(marked.part("enrolment").bytes).toBeGreaterThan(0);
  });
});

describe("of the edges", () => {
  it("the plain door sees and keeps what its door clients post", () => {
    expectSeen("door-post");
    expect(marked.kept.find(marked.plants.of("door-post")).some((place) => place.startsWith("kept door/"))).toBe(true);
  });

  it("the plain door sees and keeps direct messages from and to its door clients, which the registry carries sealed", () => {
    for (const what of ["door-direct", "door-answer"]) {
      expectSeen(what);
      expect(marked.kept.find(marked.plants.of(what)).every((place) => place.startsWith("kept door/"))).toBe(true);
      expect(isKept(what)).toBe(true);
    }
    const sealed = framesIn(marked.part("door")).filter(({ fromMember }) => fromMember === marked.carol.device.member);
    expect(sealed.length).toBeGreaterThan(0);
    expect(
      new Capture(sealed.map(({ content }) => ({ place: "socket-in", bytes: Buffer.from(content) }))).find(
        marked.plants.of("door-answer"),
      ),
    ).toEqual([]);
  });
});

describe("of what the registry keeps", () => {
  it("the log has ids, states and codes, and nothing that was said, searched or named", () => {
    expect(marked.plants.names.filter((what) => marked.said.find(marked.plants.of(what)).length > 0)).toEqual([]);
    const log = marked.said.at("kept log").join("");
    expect(log).toContain(marked.alice.device.member);
    expect(log).toContain("session.opened");
  });

  it("the metrics have counts, and no member, device or channel", () => {
    const [metrics = Buffer.alloc(0)] = marked.kept.at("kept metrics");
    expect(metrics.toString()).toMatch(/^parley_frames_total\{result="relayed",code=""\} [1-9]/m);
    expect(marked.plants.names.filter((what) => marked.plants.of(what).in(metrics).length > 0)).toEqual([]);
    for (const { device } of [marked.alice, marked.bob, marked.carol, marked.dave])
      for (const id of [device.member, device.device]) expect(metrics.includes(id)).toBe(false);
  });

  it("the data folder has what is signed to be read by all, what door clients say, and nothing else in clear", () => {
    const members = "member-name device-label new-device card-description skill-description skill-tag";
    const channels = "channel-name channel-topic public-post public-edit den-name den-topic";
    const decided = "policy-note pause-reason key-name lease-note lease-resource offered-task";
    const clear = `${members} ${channels} ${decided} door-post door-direct door-answer`.split(" ");
    expect(marked.plants.names.filter(isKept).toSorted()).toEqual(clear.toSorted());
  });
});
