import type { GroupChange, NewCommit } from "@parley/core";
import { describe, expect, it } from "vitest";

import { at } from "../../packages/mls/test/at.ts";
import { type DeviceLists, groupOf, newLists, type TestDevice } from "../../packages/mls/test/devices.ts";

const size = 50;
const sleepers = 20;
const epochs = 30;
/** 50 devices that process 30 commits each: seconds of key derivation. */
const limitMs = 120_000;

/** What a channel keeps: posts and commits in the order in which they came. */
type Entry = { readonly post: Uint8Array; readonly by: TestDevice } | { readonly commit: Uint8Array };

/** Reads a log from its start: what was posted, as it was understood. */
async function read(device: TestDevice, log: readonly Entry[]): Promise<readonly string[]> {
  const texts: string[] = [];
  for (const entry of log) {
    if ("commit" in entry) await device.process(entry.commit);
    else texts.push((await device.open(entry.post)).text);
  }
  return texts;
}

/** The channel while some of its devices sleep: whoever is awake posts, commits and reads at once. */
class Channel {
  readonly log: Entry[] = [];
  readonly texts: string[] = [];
  readonly removed: TestDevice[] = [];
  awake: readonly TestDevice[];
  readonly #lists: DeviceLists;

  constructor(lists: DeviceLists, awake: readonly TestDevice[]) {
    this.#lists = lists;
    this.awake = awake;
  }

  async post(by: TestDevice, text: string): Promise<void> {
    const post = await by.seal(text);
    this.log.push({ post, by });
    this.texts.push(text);
    for (const device of this.awake.filter((each) => each !== by)) await device.open(post);
  }

  async #commit(by: TestDevice, change: GroupChange): Promise<NewCommit> {
    const made = await by.groups.commit(by.state, change);
    await this.#spread(made.commit, by);
    by.state = made.state;
    return made;
  }

  async #spread(commit: Uint8Array, by?: TestDevice): Promise<void> {
    this.log.push({ commit });
    for (const device of this.awake.filter((each) => each !== by)) await device.process(commit);
  }

  async renew(by: TestDevice): Promise<void> {
    this.#info = (await this.#commit(by, {})).groupInfo;
  }

  async welcome(by: TestDevice, name: string): Promise<void> {
    const newcomer = await this.#lists.device(name);
    const { keyPackage, secret } = await newcomer.groups.makeKeyPackage();
    const { welcome = new Uint8Array(), groupInfo } = await this.#commit(by, { add: [keyPackage] });
    newcomer.state = (await newcomer.groups.joinByWelcome(welcome, [secret])).state;
    this.awake = [...this.awake, newcomer];
    this.#info = groupInfo;
  }

  async remove(by: TestDevice, device: TestDevice): Promise<void> {
    this.#info = (await this.#commit(by, { remove: [device.id] })).groupInfo;
    this.awake = this.awake.filter((each) => each !== device);
    this.removed.push(device);
  }

  /** By an external commit into the newest epoch. */
  async letIn(name: string): Promise<void> {
    const newcomer = await this.#lists.device(name);
    const { commit, state, groupInfo } = await newcomer.groups.joinByCommit(this.#info);
    await this.#spread(commit);
    newcomer.state = state;
    this.awake = [...this.awake, newcomer];
    this.#info = groupInfo;
  }

  #info: Uint8Array = new Uint8Array();
}

describe("an encrypted channel of 50 devices", () => {
  it(
    "reads the same to 20 of them that slept through 30 epochs, and nothing to those who were removed",
    async () => {
      const lists = await newLists();
      const all = await groupOf(lists, size);
      const asleep = all.slice(size - sleepers);
      const channel = new Channel(lists, all.slice(0, size - sleepers));
      for (let epoch = 0; epoch < epochs; epoch++) {
        const by = at(channel.awake, epoch * 7 + 1);
        await channel.post(at(channel.awake, epoch * 3), `before commit ${epoch}`);
        if (epoch % 5 === 2) await channel.welcome(by, `welcomed ${epoch}`);
        else if (epoch % 5 === 3) await channel.remove(by, at(channel.awake, epoch * 7 + 3));
        else if (epoch % 5 === 4) await channel.letIn(`late ${epoch}`);
        else await channel.renew(by);
        await channel.post(at(channel.awake, epoch * 11), `after commit ${epoch}`);
      }
      for (const device of asleep) {
        device.reload();
        expect(await read(device, channel.log)).toEqual(channel.texts);
      }
      const [first, second] = [at(asleep, 0), at(channel.awake, 0)];
      expect(first.state.devices).toEqual(second.state.devices);
      expect(first.state.epoch).toBe(1 + epochs);
      const last = await first.seal("all here");
      for (const device of [...asleep.slice(1), ...channel.awake])
        expect((await device.open(last)).text).toBe("all here");
      expect(channel.removed).toHaveLength(6);
      for (const device of channel.removed)
        await expect(device.open(last)).rejects.toMatchObject({ code: "group_changed" });
    },
    limitMs,
  );
});
