/** A mesh in which every content is marked, and all that its registry got and kept while it was used. */
import { blobSource, MemorySink, takeLease } from "@parley/client";

import { PlainClient } from "../../../packages/door/test/plain-client.ts";
import { Messages, until } from "../../integration/device-fixture.ts";
import type { CleanUp } from "../cli-process.ts";
import { Capture } from "./capture.ts";
import { CapturedMesh, type CapturedMember } from "./captured-mesh.ts";
import { DatagramTap } from "./datagram-tap.ts";
import { agree } from "./marked-agreements.ts";
import { decide } from "./marked-decisions.ts";
import { call, post, reads, serveMarked } from "./marked-talk.ts";
import { Plants } from "./plants.ts";

/** Content that would show by its size alone if it passed. */
export const manyBytes = 200_000;

export class MarkedMesh {
  readonly plants = new Plants();
  readonly mesh: CapturedMesh;
  /** What links carried. */
  readonly tap: DatagramTap;
  /** What passed the registry in each part of what happened. */
  readonly parts = new Map<string, Capture>();
  /** What it kept when all was over, and what it said. */
  kept = new Capture();
  said = new Capture();
  /** As it was shown to who made it. */
  apiKey = "";
  readonly #members: Partial<Record<"alice" | "bob" | "carol" | "dave" | "phone", CapturedMember>> = {};

  private constructor(mesh: CapturedMesh, tap: DatagramTap) {
    this.mesh = mesh;
    this.tap = tap;
  }

  static async start(cleanUp: CleanUp): Promise<MarkedMesh> {
    const tap = new DatagramTap();
    cleanUp(() => tap[Symbol.asyncDispose]());
    const marked = new MarkedMesh(await CapturedMesh.start(cleanUp), tap);
    await marked.#live();
    return marked;
  }

  /** What passed in one part of what happened. */
  part(name: string): Capture {
    const found = this.parts.get(name);
    if (found === undefined) throw new Error(`Nothing is called ${name}.`);
    return found;
  }

  /** An agent that makes links, and posts. */
  get alice(): CapturedMember {
    return known(this.#members.alice);
  }

  /** An agent that makes links, and works. */
  get bob(): CapturedMember {
    return known(this.#members.bob);
  }

  /** A person. */
  get carol(): CapturedMember {
    return known(this.#members.carol);
  }

  /** An agent that makes no links, and is away for a while. */
  get dave(): CapturedMember {
    return known(this.#members.dave);
  }

  /** Carol's other device. */
  get phone(): CapturedMember {
    return known(this.#members.phone);
  }

  async #live(): Promise<void> {
    const acts: readonly (readonly [string, () => Promise<void>])[] = [
      ["pairing", () => this.#pairing()],
      ["direct", () => this.#direct()],
      ["relay", () => this.#relay()],
      ["mailbox", () => this.#mailbox()],
      ["secret", () => this.#secret()],
      ["public channel", () => this.#publicChannel()],
      ["encrypted channel", () => this.#encryptedChannel()],
      ["attachments", () => this.#attachments()],
      ["decisions", () => this.#decisions()],
      ["agreements", () => agree(this.plants, { asker: this.dave, worker: this.bob })],
      ["directory", () => this.#directory()],
      ["enrolment", () => this.#enrolment()],
      ["door", () => this.#door()],
    ];
    for (const [name, act] of acts) {
      const before = this.mesh.capture.length;
      await act();
      this.parts.set(name, this.mesh.capture.from(before));
    }
    this.kept = await this.mesh.kept();
    this.said = await this.mesh.said();
  }

  async #pairing(): Promise<void> {
    this.#members.alice = await this.mesh.join("alice", { tap: this.tap, label: this.plants.text("device-label") });
    this.#members.bob = await this.mesh.join("bob", { tap: this.tap });
    this.#members.carol = await this.mesh.join("carol", { kind: "person", tap: this.tap });
    this.#members.dave = await this.mesh.join("dave");
    await this.mesh.join(this.plants.text("member-name"));
    this.carol.device.conversations.keep();
    await serveMarked(this.plants, this.bob, this.mesh.operator);
  }

  async #direct(): Promise<void> {
    const messages = new Messages(this.bob.device);
    await this.alice.device.connect("@bob");
    const long = this.plants.text("direct-message").padEnd(manyBytes, "x");
    await this.alice.device.send("@bob", long, { paths: ["direct"] });
    await this.alice.device.send("@bob", this.plants.text("live-message"), { paths: ["direct"], class: "live" });
    await messages.count(2);
    await call(this.plants, this.alice, this.bob, "direct");
  }

  async #relay(): Promise<void> {
    await call(this.plants, this.dave, this.bob, "relay");
    const messages = new Messages(this.dave.device);
    await this.bob.device.send("@dave", this.plants.text("relayed-message"), { paths: ["relay"], class: "live" });
    await messages.count(1);
    messages.off();
  }

  async #mailbox(): Promise<void> {
    await this.dave.device.stop();
    const sent = await this.carol.device.conversations.say("@dave", { text: this.plants.text("mailbox-message") });
    await until(() => sent.state().state === "stored");
    this.parts.set("while it waits", await this.mesh.kept());
    const again = await this.mesh.open(this.dave.joined, { journal: this.dave.journal });
    await new Messages(again.device).count(1);
    await sent.reaches("handled");
    const edited = await this.carol.device.conversations.edit("@dave", sent.id, this.plants.text("mailbox-edit"));
    await edited.settled;
    this.carol.device.conversations.typing("@dave", true);
    this.#members.dave = again;
  }

  async #secret(): Promise<void> {
    const phrase = this.plants.text("shared-secret");
    await this.carol.device.conversations.setSecret("@dave", phrase);
    await this.dave.device.conversations.setSecret("@carol", phrase);
    await (
      await this.carol.device.conversations.say("@dave", { text: this.plants.text("secret-message") })
    ).settled;
  }

  async #publicChannel(): Promise<void> {
    const topic = this.plants.text("channel-topic");
    await this.alice.device.conversations.createChannel({
      name: this.plants.text("channel-name"),
      kind: "public",
      topic,
    });
    const channel = `#${this.plants.text("channel-name")}`;
    await this.bob.device.conversations.joinChannel(channel);
    const id = await post(this.plants, this.alice, channel, "public-post");
    await (
      await this.alice.device.conversations.edit(channel, id, this.plants.text("public-edit"))
    ).settled;
    await reads(this.plants, this.bob, channel, "public-edit");
    await (
      await this.bob.device.conversations.react(channel, id, "👍")
    ).settled;
    this.bob.device.conversations.typing(channel, true);
    await this.mesh.passes("channel.typing");
  }

  async #encryptedChannel(): Promise<void> {
    const channel = `#${this.plants.text("den-name")}`;
    const topic = this.plants.text("den-topic");
    await this.alice.device.conversations.createChannel({ name: channel.slice(1), kind: "invite", topic });
    await this.alice.device.conversations.inviteTo(channel, "@carol");
    await this.carol.device.conversations.joinChannel(channel);
    const id = await post(this.plants, this.alice, channel, "encrypted-post");
    await (
      await this.alice.device.conversations.edit(channel, id, this.plants.text("encrypted-edit"))
    ).settled;
    await reads(this.plants, this.carol, channel, "encrypted-edit");
    await post(this.plants, this.carol, channel, "encrypted-answer");
    await reads(this.plants, this.alice, channel, "encrypted-answer");
  }

  async #attachments(): Promise<void> {
    const bytes = new TextEncoder().encode(this.plants.text("file-bytes").repeat(4000));
    const options = {
      name: `${this.plants.text("file-name")}.pdf`,
      type: `application/${this.plants.text("file-type")}`,
    };
    const ref = await this.alice.device.attach(blobSource(new Blob([bytes])), options);
    const messages = new Messages(this.dave.device);
    await this.alice.device.send("@dave", "see", { attachments: [ref] });
    const [message] = await messages.count(1);
    const [received] = message?.attachments ?? [];
    if (received === undefined) throw new Error("The attachment did not come.");
    const sink = new MemorySink();
    await this.dave.device.fetchAttachment(received, sink);
  }

  async #decisions(): Promise<void> {
    const { operator } = this.mesh;
    this.apiKey = await decide(this.plants, { operator, agent: this.bob, caller: this.dave, paused: this.alice });
  }

  async #directory(): Promise<void> {
    await this.carol.device.find({ text: this.plants.text("directory-search") });
    await this.carol.device.memberOf("bob");
    await this.carol.device.setAvailability("away");
    await this.carol.device.conversations.search({ text: this.plants.text("own-search") });
    await this.carol.device.conversations.block("@bob");
    await this.mesh.passes("blocks.set");
    const resource = this.plants.text("lease-resource");
    await takeLease(this.carol.device, resource, { note: this.plants.text("lease-note") });
  }

  async #enrolment(): Promise<void> {
    this.#members.phone = await this.mesh.addDevice(this.carol, this.plants.text("new-device"), this.tap);
    this.phone.device.conversations.keep();
    await this.phone.events.first("history", ({ done }) => done);
    const known = (await this.phone.device.deliveries()).records.map((record) => record.text);
    if (!known.includes(this.plants.text("mailbox-message"))) throw new Error("The history did not come.");
    await this.phone.device.stop();
  }

  async #door(): Promise<void> {
    const client = await PlainClient.come(`${this.mesh.origin.replace("http", "ws")}/chat`, { name: "shell" });
    await this.carol.device.conversations.joinChannel("#general");
    await client.join("#general");
    client.send({ type: "MSG", to: "#general", content: this.plants.text("door-post") });
    await client.next("MSG", ({ content }) => content === this.plants.text("door-post"));
    client.send({ type: "MSG", to: "@carol", content: this.plants.text("door-direct") });
    await client.next("MSG", ({ content }) => content === this.plants.text("door-direct"));
    await this.carol.device.conversations.say("@door", { text: `${client.id} ${this.plants.text("door-answer")}` });
    await client.next("MSG", ({ content }) => content === this.plants.text("door-answer"));
    await client.bye();
  }
}

function known(member: CapturedMember | undefined): CapturedMember {
  if (member === undefined) throw new Error("The member has not come yet.");
  return member;
}
