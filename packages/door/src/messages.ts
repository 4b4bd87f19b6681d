/** MSG, and direct messages that members of the mesh write to the door. */
import type { Clock } from "@parley/core";
import type { Via } from "@parley/protocol";

import { memberAddress, parseAddress, splitRecipient } from "./address.ts";
import type { DoorBounds } from "./bounds.ts";
import type { Channels } from "./channels.ts";
import { isSignedBy } from "./client-key.ts";
import type { ClientMessageOf } from "./client-message.ts";
import type { DoorClient } from "./door-client.ts";
import type { DoorMesh, MeshDirect } from "./door-mesh.ts";
import type { LiveClients } from "./live-clients.ts";
import { Recent } from "./recent.ts";
import { Refusal } from "./refusal.ts";
import type { ChatMessage } from "./server-message.ts";
import { textOfMessage } from "./signed-text.ts";
import { withinTime } from "./within-time.ts";

export interface MessagesOptions {
  readonly clock: Clock;
  readonly bounds: DoorBounds;
  readonly mesh: DoorMesh;
  readonly live: LiveClients;
  readonly channels: Channels;
}

/** What a signature adds to a message: nothing when it cannot be checked, or says nothing new. */
type Signed = Pick<Via, "key" | "signature" | "signed">;

const mostKept = 10_000;
/** A signature is taken as fresh so long before and after its own time. */
const signatureMs = 120_000;
/** A client that wrote to a member gets its plain answers for so long, when it is the only one. */
const talkMs = 600_000;
const helpEveryMs = 60_000;
/** A statement has to hold the content and what was signed; both, escaped, fit below this. */
const mostSignedCharacters = 16 * 1024;

export class Messages {
  readonly #options: MessagesOptions;
  readonly #seen: Recent<true>;
  /** Client id by the id of a direct message that the door wrote for it. */
  readonly #written: Recent<string>;
  /** Client ids that wrote to a member, by its name. */
  readonly #talks: Recent<ReadonlySet<string>>;
  readonly #helped: Recent<true>;

  constructor(options: MessagesOptions) {
    this.#options = options;
    const now = (): number => options.clock.monotonic();
    this.#seen = new Recent(2 * signatureMs, mostKept, now);
    this.#written = new Recent(talkMs * 144, mostKept, now);
    this.#talks = new Recent(talkMs, mostKept, now);
    this.#helped = new Recent(helpEveryMs, mostKept, now);
  }

  async say(client: DoorClient, message: ClientMessageOf<"MSG">): Promise<void> {
    const { mesh, channels } = this.#options;
    const signed = this.#checkSignature(client, message);
    const address = parseAddress(message.to);
    switch (address?.kind) {
      case "channel": {
        const channel = client.channels.get(address.name);
        if (channel === undefined) throw await channels.absent(address.name);
        if (channel.isPrivate) channel.take("", this.#message(client, message, signed));
        else await this.#within(mesh.post(channel.name, meshText(message.content), viaOf(client, signed)));
        return;
      }
      case "client": {
        const to = this.#options.live.recipient(address.id);
        if (to === undefined) throw new Refusal("AGENT_NOT_FOUND", "Nobody is connected with this id.");
        const said = this.#message(client, message, signed);
        to.send(said);
        client.send(said);
        return;
      }
      case "member":
        return this.#toMember(client, message, signed, address.name);
      case "beyond":
        return this.#toMember(client, message, signed, address.door, address.id);
      case undefined:
        throw new Refusal("AGENT_NOT_FOUND", "Nobody has this id or name.");
    }
  }

  /** A member wrote to the door: for one of its clients, or nobody can tell for whom. */
  async takeDirect(direct: MeshDirect): Promise<void> {
    const { live } = this.#options;
    const named = splitRecipient(direct.text);
    const id = named?.id ?? this.#written.get(direct.answers ?? "") ?? this.#onlyTalk(direct.name);
    const client = id === undefined ? undefined : live.recipient(id);
    if (client === undefined) {
      await this.#help(direct, id);
      return;
    }
    client.send({
      type: "MSG",
      from: memberAddress(direct.name),
      to: client.atId,
      content: named?.rest ?? direct.text,
      ts: direct.at,
      from_name: direct.name,
      standing: "member",
    });
  }

  async #toMember(
    client: DoorClient,
    message: ClientMessageOf<"MSG">,
    signed: Signed,
    name: string,
    to?: string,
  ): Promise<void> {
    const text = meshText(message.content);
    const id = await this.#within(this.#options.mesh.direct(name, text, viaOf(client, signed), to));
    this.#written.set(id, client.id);
    this.#talks.set(name, new Set([...[...(this.#talks.get(name) ?? [])].slice(-8), client.id]));
    client.send(this.#message(client, message, signed));
  }

  /** The one client that wrote to a member lately, if it is one. */
  #onlyTalk(name: string): string | undefined {
    const ids = [...(this.#talks.get(name) ?? [])];
    return ids.length === 1 ? ids[0] : undefined;
  }

  /** Once in a while: whoever answers everything would otherwise talk with the door for ever. */
  async #help({ name }: MeshDirect, id: string | undefined): Promise<void> {
    if (this.#helped.get(name) !== undefined) return;
    this.#helped.set(name, true);
    const what =
      id === undefined
        ? "This is the plain door; it passes messages to its clients. Begin with the id of one, as in: @1a2b3c4d hello"
        : `@${id} is not connected at the plain door. Your message was not passed on.`;
    await this.#within(this.#options.mesh.direct(name, what));
  }

  #message(client: DoorClient, { to, content }: ClientMessageOf<"MSG">, signed: Signed): ChatMessage {
    const ts = signed.signed === undefined ? undefined : (JSON.parse(signed.signed) as { ts: number }).ts;
    const { signature, key } = signed;
    return {
      type: "MSG",
      from: client.atId,
      to,
      content,
      ts: this.#options.clock.now(),
      ...(signature === undefined || ts === undefined || key === undefined ? {} : { sig: signature, sig_ts: ts, key }),
      from_name: client.name,
      standing: client.standing,
    };
  }

  /** Throws VERIFICATION_FAILED. A signature that is old, or was seen, is worth nothing and does not travel. */
  #checkSignature({ key }: DoorClient, { to, content, ts, sig }: ClientMessageOf<"MSG">): Signed {
    if (key === undefined || !sig || typeof ts !== "number") return {};
    const signed = textOfMessage(to, content, ts);
    if (!isSignedBy(key, signed, sig))
      throw new Refusal("VERIFICATION_FAILED", "`sig` is not this key's signature over {to, content, ts} as JSON.");
    const isFresh = Math.abs(this.#options.clock.now() - ts) <= signatureMs && this.#seen.get(sig) === undefined;
    this.#seen.set(sig, true);
    const isSmall = JSON.stringify(signed).length <= mostSignedCharacters && signed.isWellFormed();
    return isFresh && isSmall ? { key: key.spki, signature: sig, signed } : {};
  }

  #within<Value>(answer: Promise<Value>): Promise<Value> {
    return withinTime(this.#options.clock, this.#options.bounds.meshMs, answer);
  }
}

function viaOf(client: DoorClient, signed: Signed): Via {
  const key = client.standing === "proven" ? client.key?.spki : undefined;
  return {
    edge: "door",
    id: client.id,
    name: client.name,
    standing: client.standing,
    ...(key === undefined ? {} : { key }),
    ...signed,
  };
}

/** What is posted on the mesh is not empty, and whole Unicode. Throws INVALID_MSG. */
function meshText(content: string): string {
  if (content === "") throw new Refusal("INVALID_MSG", "MSG: `content` must not be empty here.");
  return content.toWellFormed();
}
