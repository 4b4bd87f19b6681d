import {
  createSigner,
  type GroupDevice,
  openMemoryJournal,
  sha256,
  type Signer,
  signStatement,
  systemClock,
  systemRandom,
} from "@parley/core";
import { MlsGroups } from "@parley/mls";
import { ParleyError } from "@parley/protocol";
import { beforeEach, describe, expect, it } from "vitest";

import { EncryptedGroup } from "../../packages/client/src/conversations/encrypted/encrypted-group.ts";
import { GroupStore } from "../../packages/client/src/conversations/encrypted/group-store.ts";
import { Invitations } from "../../packages/client/src/conversations/encrypted/invitations.ts";
import { bytesOf, type DeviceLists, newLists } from "../../packages/mls/test/devices.ts";

interface Commit {
  readonly epoch: number;
  readonly by: string;
  readonly commit: string;
  readonly invitation?: string;
}

interface Asked {
  readonly from?: number;
  readonly epoch?: number;
  readonly commit?: string;
  readonly info?: string;
  readonly invitation?: string;
}

const channel = await sha256("channel");

/** A registry that lets everybody in, and keeps the order of commits. */
class WillingRegistry {
  info: string | undefined;
  commits: readonly Commit[] = [];
  /** Devices that it wants out. */
  remove: readonly string[] = [];
  readonly invitations = new Map<string, string>();
  /** What it says is added to the time. */
  shift = 0;

  answer(type: string, body: Asked, by: GroupDevice): unknown {
    const epoch = this.info === undefined ? undefined : this.commits.length;
    if (type === "group.info") return { epoch, info: this.info };
    if (type === "channel.get") return { invitation: this.invitations.get(by.member) };
    if (type === "group.commits")
      return { epoch, first: 0, commits: this.commits.slice(body.from), complete: true, remove: this.remove };
    if (body.epoch !== epoch) throw new ParleyError("group_changed");
    this.info = body.info;
    const { commit, invitation } = body;
    if (commit !== undefined && epoch !== undefined)
      this.commits = [...this.commits, { epoch, by: by.device, commit, ...(invitation && { invitation }) }];
    return { epoch: this.commits.length };
  }
}

let lists: DeviceLists;
let registry: WillingRegistry;
let signers: Map<string, Signer>;
let now = Date.UTC(2026, 0, 1);

class Guest {
  readonly id: GroupDevice;
  readonly group: EncryptedGroup;
  readonly #signer: Signer;

  private constructor(member: string, signer: Signer) {
    this.id = { member, device: signer.id };
    this.#signer = signer;
    const directory = {
      get: () =>
        Promise.resolve({
          verified: { devices: new Map([...signers].map(([id, { publicKey }]) => [id, { key: publicKey }])) },
        }),
    };
    this.group = new EncryptedGroup({
      channel,
      own: this.id,
      crypto: new MlsGroups({ mesh: lists.mesh, member, device: signer, deviceKey: lists.deviceKey }),
      store: new GroupStore(openMemoryJournal(), channel),
      invitations: new Invitations({ mesh: lists.mesh, directory: directory as never }),
      isListed: ({ device }) => Promise.resolve(!lists.gone.has(device)),
      session: {
        get registryTime() {
          return now + registry.shift;
        },
        request: async (type: string, body: Asked) => registry.answer(type, body, this.id),
      } as never,
      clock: { ...systemClock, now: () => now },
      random: systemRandom,
      onGap: () => undefined,
      onError: () => undefined,
    });
  }

  static async make(name: string): Promise<Guest> {
    const signer = await createSigner("device");
    lists.list(signer.id, signer.publicKey);
    signers.set(signer.id, signer);
    return new Guest(await sha256(`member ${name}`), signer);
  }

  async invite({ id: { member } }: Guest): Promise<void> {
    const iat = await this.group.invitedAt(member);
    const statement = { mesh: lists.mesh, channel, member, by: this.id.member, iat };
    registry.invitations.set(member, await signStatement("invitation", statement, this.#signer));
  }

  /** What each of these reads of a post; undefined when it cannot. */
  async post(text: string, readers: readonly Guest[]): Promise<readonly (string | undefined)[]> {
    this.group.stale();
    const { epoch, message } = await this.group.seal(bytesOf(text));
    const read = async ({ group }: Guest): Promise<string | undefined> => {
      const opened = await group.open(this.id, epoch, message).catch(() => undefined);
      return opened === undefined ? undefined : new TextDecoder().decode(opened);
    };
    return Promise.all(readers.map(read));
  }
}

let [ada, ben]: Guest[] = [];

const pair = (): readonly [Guest, Guest] => {
  if (ada === undefined || ben === undefined) throw new Error("nobody is there");
  return [ada, ben];
};

beforeEach(async () => {
  lists = await newLists();
  registry = new WillingRegistry();
  signers = new Map();
  [ada, ben] = [await Guest.make("ada"), await Guest.make("ben")];
  await ada.group.comeIn();
  await ada.invite(ben);
  await ben.group.comeIn();
});

describe("a device that the registry lets into a group", () => {
  it("and nobody invited reads nothing, nor does another one of its member that comes beside it", async () => {
    const [one, other] = pair();
    const [eve, second] = [await Guest.make("eve"), await Guest.make("eve")];
    await eve.group.comeIn();
    await second.group.comeIn();
    expect(await one.post("secret", [other, eve, second])).toEqual(["secret", undefined, undefined]);
    expect(await other.post("too", [one, eve, second])).toEqual(["too", undefined, undefined]);
    await expect(eve.group.seal(bytesOf("here"))).rejects.toMatchObject({ code: "not_invited" });
    await expect(eve.group.invitedAt(second.id.member)).rejects.toMatchObject({ code: "not_invited" });
  });

  it("by an invitation from before it was taken out reads nothing, whatever time the registry says", async () => {
    const [one, other] = pair();
    const eve = await Guest.make("eve");
    await one.invite(eve);
    await eve.group.comeIn();
    expect(await one.post("to all", [other, eve])).toEqual(["to all", "to all"]);
    now += 600_000;
    registry.shift = -7 * 86_400_000;
    registry.remove = [eve.id.device];
    expect(await one.post("without", [other, eve])).toEqual(["without", undefined]);
    registry.remove = [];
    const again = await Guest.make("eve");
    await again.group.comeIn();
    expect(await one.post("still without", [other, again])).toEqual(["still without", undefined]);
  });

  it("by a new invitation is welcome, also to those who slept while it was taken out and invited", async () => {
    const [one, other] = pair();
    const eve = await Guest.make("eve");
    await one.invite(eve);
    await eve.group.comeIn();
    expect(await one.post("to all", [other, eve])).toEqual(["to all", "to all"]);
    registry.remove = [eve.id.device];
    await one.post("without", []);
    registry.remove = [];
    await one.invite(eve);
    now += 600_000;
    await eve.group.left();
    await eve.group.comeIn();
    expect(await other.post("welcome", [one, eve])).toEqual(["welcome", "welcome"]);
  });

  it("and its member took off the list reads nothing", async () => {
    const [one, other] = pair();
    const lost = await Guest.make("ben");
    await lost.group.comeIn();
    expect(await one.post("to all", [other, lost])).toEqual(["to all", "to all"]);
    lists.gone.add(lost.id.device);
    expect(await one.post("without", [other, lost])).toEqual(["without", undefined]);
    await lost.group.comeIn().catch(() => undefined);
    expect(await one.post("still without", [other, lost])).toEqual(["still without", undefined]);
  });

  it("and whom others saw being taken out reads nothing, when the registry brings back an older group", async () => {
    const [one, other] = pair();
    const eve = await Guest.make("eve");
    await one.invite(eve);
    await eve.group.comeIn();
    await one.post("to all", [other, eve]);
    const { info, commits } = registry;
    registry.remove = [eve.id.device];
    await one.post("without", [other]);
    Object.assign(registry, { info, commits, remove: [] });
    // The other one, too, has to join that one anew.
    expect(await one.post("still without", [other, eve])).toEqual([undefined, undefined]);
    expect(await one.post("nor now", [other, eve])).toEqual(["nor now", undefined]);
  });
});
