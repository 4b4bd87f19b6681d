import { createSigner, type GroupState, keptEpochs, maxAuthenticatedBytes, sha256 } from "@parley/core";
import { limits } from "@parley/protocol";
import { beforeEach, describe, expect, it } from "vitest";

import { MlsGroups } from "../src/index.ts";
import { at } from "./at.ts";
import { bytesOf, commitAmong, type DeviceLists, groupOf, newLists, TestDevice } from "./devices.ts";

const code = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => "nothing was thrown",
    (error: unknown) => (error as { code?: unknown }).code,
  );

/** The devices by position, all of which a test asked for. */
function some(devices: readonly TestDevice[]): readonly [TestDevice, TestDevice, TestDevice] {
  const [one, two, three] = devices;
  if (one === undefined || two === undefined || three === undefined) throw new Error("too few devices");
  return [one, two, three];
}

describe("MLS groups", () => {
  let lists: DeviceLists;
  let devices: readonly TestDevice[];

  beforeEach(async () => {
    lists = await newLists();
    devices = await groupOf(lists, 3);
  });

  const three = (): readonly [TestDevice, TestDevice, TestDevice] => some(devices);

  it("start alone at epoch 0 with the channel's id", async () => {
    const device = await lists.device("alone");
    const group = await sha256("another channel");
    const state = await device.groups.createGroup(group);
    expect({ ...state }).toEqual({ group, epoch: 0, devices: [device.id], active: true });
  });

  it("tell who is in them, alike to all", () => {
    for (const { state } of devices) {
      expect(state.devices).toEqual(devices.map(({ id }) => id));
      expect(state.epoch).toBe(1);
      expect(state.active).toBe(true);
    }
  });

  it("carry messages with their sender and what is readable beside them", async () => {
    const [ada, ben] = three();
    const { message, state } = await ada.groups.seal(ada.state, bytesOf("salut"), bytesOf("post 7"));
    ada.state = state;
    const opened = await ben.groups.open(ben.state, message);
    expect(opened).toMatchObject({
      from: ada.id,
      epoch: 1,
      content: bytesOf("salut"),
      authenticated: bytesOf("post 7"),
    });
    expect(Buffer.from(message).includes("post 7")).toBe(true);
    expect(Buffer.from(message).includes("salut")).toBe(false);
  });

  it("open messages in another order than they were sealed in, each once", async () => {
    const [ada, ben] = three();
    const [one, two] = [await ada.seal("one"), await ada.seal("two")];
    expect(await ben.open(two)).toEqual({ text: "two", from: ada.id });
    expect(await ben.open(one)).toEqual({ text: "one", from: ada.id });
    expect(await code(ben.open(one))).toBe("cannot_open");
  });

  it("do not open what this device sealed itself", async () => {
    const [ada] = three();
    expect(await code(ada.open(await ada.seal("mine")))).toBe("cannot_open");
  });

  it("take in a newcomer by welcome, who reads what comes then and not what came before", async () => {
    const [ada, ben] = three();
    const before = await ben.seal("before");
    const dana = await lists.device("dana");
    const [unused, used] = [await dana.groups.makeKeyPackage(), await dana.groups.makeKeyPackage()];
    const { welcome, added, removed } = await commitAmong(devices, ada, { add: [used.keyPackage] });
    expect({ added, removed }).toEqual({ added: [dana.id], removed: [] });
    const joined = await dana.groups.joinByWelcome(welcome ?? new Uint8Array(), [unused.secret, used.secret]);
    expect(joined.used).toBe(1);
    dana.state = joined.state;
    expect(dana.state.devices).toEqual(ada.state.devices);
    expect(await dana.open(await ben.seal("after"))).toEqual({ text: "after", from: ben.id });
    expect(await ben.open(await dana.seal("thanks"))).toEqual({ text: "thanks", from: dana.id });
    expect(await code(dana.open(before))).toBe("cannot_open");
  });

  it("say whose key package it is", async () => {
    const [ada] = three();
    const dana = await lists.device("dana");
    expect(await ada.groups.readKeyPackage((await dana.groups.makeKeyPackage()).keyPackage)).toEqual(dana.id);
  });

  it("add to nobody a welcome that is for others", async () => {
    const [ada] = three();
    const [dana, emil] = [await lists.device("dana"), await lists.device("emil")];
    const { keyPackage } = await dana.groups.makeKeyPackage();
    const { welcome } = await ada.groups.commit(ada.state, { add: [keyPackage] });
    const { secret } = await emil.groups.makeKeyPackage();
    expect(await code(emil.groups.joinByWelcome(welcome ?? new Uint8Array(), [secret]))).toBe("cannot_open");
  });

  it("remove one device, or all of a member's", async () => {
    const [ada, ben, cleo] = three();
    const second = await lists.device("m1");
    const { keyPackage, secret } = await second.groups.makeKeyPackage();
    const { welcome } = await commitAmong(devices, ada, { add: [keyPackage] });
    second.state = (await second.groups.joinByWelcome(welcome ?? new Uint8Array(), [secret])).state;
    const both = await cleo.groups.commit(cleo.state, { remove: [{ member: ben.id.member }] });
    expect(both.removed).toEqual([ben.id, second.id]);
    const one = await cleo.groups.commit(cleo.state, { remove: [second.id] });
    expect(one.removed).toEqual([second.id]);
    expect(one.state.devices).toEqual([ada.id, ben.id, cleo.id]);
  });

  it("lock out whoever was removed, who still opens late messages of before", async () => {
    const [ada, ben, cleo] = three();
    const late = await cleo.seal("late");
    const processed = await commitAmong([ada, cleo], ada, { remove: [ben.id] });
    const { state, selfRemoved, by, removed } = await ben.groups.processCommit(ben.state, processed.commit);
    expect({ selfRemoved, by, removed, active: state.active }).toEqual({
      selfRemoved: true,
      by: ada.id,
      removed: [ben.id],
      active: false,
    });
    ben.state = state;
    ben.reload();
    expect(await ben.open(late)).toEqual({ text: "late", from: cleo.id });
    expect(await code(ben.open(await ada.seal("secret")))).toBe("group_changed");
    expect(await code(ben.seal("let me in"))).toBe("not_in_channel");
    expect(await code(ben.groups.commit(ben.state))).toBe("not_in_channel");
    expect(await code(ben.process((await ada.groups.commit(ada.state)).commit))).toBe("not_in_channel");
    expect(ada.state.devices).toEqual([ada.id, cleo.id]);
  });

  it("add and remove in one commit, in the place of whoever went", async () => {
    const [ada, ben, cleo] = three();
    const dana = await lists.device("dana");
    const { keyPackage, secret } = await dana.groups.makeKeyPackage();
    const made = await commitAmong([ada, cleo], cleo, { add: [keyPackage], remove: [ben.id] });
    dana.state = (await dana.groups.joinByWelcome(made.welcome ?? new Uint8Array(), [secret])).state;
    expect(dana.state.devices).toEqual([ada.id, dana.id, cleo.id]);
    expect(await ada.open(await dana.seal("hello"))).toEqual({ text: "hello", from: dana.id });
  });

  it("renew keys with an empty commit", async () => {
    const [ada, ben, cleo] = three();
    const { welcome } = await commitAmong(devices, ben);
    expect(welcome).toBeUndefined();
    expect(devices.map(({ state }) => state.epoch)).toEqual([2, 2, 2]);
    expect(await cleo.open(await ada.seal("on"))).toEqual({ text: "on", from: ada.id });
  });

  it("let a device in by an external commit", async () => {
    const [ada, ben] = three();
    const { groupInfo } = await commitAmong(devices, ben);
    const dana = await lists.device("dana");
    const joined = await dana.groups.joinByCommit(groupInfo);
    expect(joined).toMatchObject({ added: [dana.id], removed: [], welcome: undefined });
    const { state, ...seen } = await ada.groups.processCommit(ada.state, joined.commit);
    expect(seen).toMatchObject({ by: dana.id, added: [dana.id], removed: [], selfRemoved: false });
    ada.state = state;
    dana.state = joined.state;
    expect(await ada.open(await dana.seal("here"))).toEqual({ text: "here", from: dana.id });
    expect(await dana.open(await ada.seal("welcome"))).toEqual({ text: "welcome", from: ada.id });
  });

  it("let a device back in that lost its state, in the place of its older leaf", async () => {
    const [ada, ben, cleo] = three();
    const { groupInfo } = await commitAmong([ada, cleo], ada);
    const back = await ben.groups.joinByCommit(groupInfo);
    expect(back).toMatchObject({ added: [ben.id], removed: [ben.id] });
    const seen = await cleo.groups.processCommit(cleo.state, back.commit);
    expect(seen).toMatchObject({ by: ben.id, added: [ben.id], removed: [ben.id], selfRemoved: false });
    expect(seen.state.devices).toHaveLength(3);
    ben.state = back.state;
    cleo.state = seen.state;
    expect(await cleo.open(await ben.seal("back"))).toEqual({ text: "back", from: ben.id });
    const again = await cleo.groups.commit(cleo.state);
    await ben.process(again.commit);
    cleo.state = again.state;
    expect(await ben.open(await cleo.seal("on"))).toEqual({ text: "on", from: cleo.id });
  });

  it("let a newcomer in whose tree has leaves that some nodes above know and others do not", async () => {
    const many = await groupOf(lists, 16, "a wide channel");
    const [ada, , cleo] = some(many);
    const gone = [cleo, at(many, 6)];
    const others = many.filter((device) => !gone.includes(device));
    await commitAmong(others, ada, { remove: gone.map(({ id }) => id) });
    for (const device of others) await commitAmong(others, device);
    const [dana, emil] = [await lists.device("dana"), await lists.device("emil")];
    const packages = [await dana.groups.makeKeyPackage(), await emil.groups.makeKeyPackage()];
    const made = await commitAmong(others, ada, { add: packages.map(({ keyPackage }) => keyPackage) });
    for (const [index, device] of [dana, emil].entries()) {
      const secret = at(packages, index).secret;
      device.state = (await device.groups.joinByWelcome(made.welcome ?? new Uint8Array(), [secret])).state;
      expect(await at(others, 9).open(await device.seal("in"))).toEqual({ text: "in", from: device.id });
    }
  });

  it("let a device join by itself into the GroupInfo of one that joined by itself", async () => {
    const [ada, ben] = three();
    const { groupInfo } = await commitAmong(devices, ben);
    const [dana, emil] = [await lists.device("dana"), await lists.device("emil")];
    const first = await dana.groups.joinByCommit(groupInfo);
    const second = await emil.groups.joinByCommit(first.groupInfo);
    for (const { commit } of [first, second]) await ada.process(commit);
    emil.state = second.state;
    expect(await ada.open(await emil.seal("two"))).toEqual({ text: "two", from: emil.id });
  });

  it.each([1, keptEpochs])("open a message that comes %i epochs late", async (epochs) => {
    const [ada, ben] = three();
    const late = await ada.seal("late");
    for (let epoch = 0; epoch < epochs; epoch++) await commitAmong(devices, epoch % 2 === 0 ? ada : ben);
    ben.reload();
    expect(await ben.open(late)).toEqual({ text: "late", from: ada.id });
    expect(await code(ben.open(late))).toBe("cannot_open");
  });

  it("do not open one that comes later than that", async () => {
    const [ada, ben] = three();
    const late = await ada.seal("late");
    for (let epoch = 0; epoch <= keptEpochs; epoch++) await commitAmong(devices, ada);
    expect(await code(ben.open(late))).toBe("cannot_open");
  });

  it("open a late message of somebody who was removed since", async () => {
    const [ada, ben, cleo] = three();
    const late = await ben.seal("farewell");
    await commitAmong([ada, cleo], ada, { remove: [ben.id] });
    cleo.reload();
    expect(await cleo.open(late)).toEqual({ text: "farewell", from: ben.id });
  });

  it("ask for the commits first when a message or a commit is of a later epoch", async () => {
    const [ada, ben, cleo] = three();
    await commitAmong([ada, ben], ada);
    expect(await code(cleo.open(await ada.seal("ahead")))).toBe("group_changed");
    const { commit } = await ada.groups.commit(ada.state);
    expect(await code(cleo.process(commit))).toBe("group_changed");
  });

  it("refuse a commit of an epoch that is over, as when another one came first", async () => {
    const [ada, ben, cleo] = three();
    const lost = await ben.groups.commit(ben.state);
    await commitAmong(devices, ada);
    expect(await code(cleo.process(lost.commit))).toBe("group_changed");
    expect(await ben.open(await ada.seal("the state from before the lost commit serves on"))).toMatchObject({
      from: ada.id,
    });
  });

  it("do not process the own commit, nor one of another group", async () => {
    const [ada, ben] = three();
    const { commit } = await ada.groups.commit(ada.state);
    expect(await code(ada.process(commit))).toBe("cannot_open");
    const [, other] = some(await groupOf(lists, 3, "another channel"));
    expect(await code(ben.process((await other.groups.commit(other.state)).commit))).toBe("cannot_open");
    expect(await code(ben.open(await other.seal("wrong door")))).toBe("cannot_open");
  });

  it("open by one state while another keeps the keys, until both are made one", async () => {
    const [ada, ben] = three();
    const message = await ada.seal("kept");
    const opened = await ben.groups.open(ben.state, message);
    const said = [await ben.seal("one")];
    expect((await ben.groups.open(ben.state, message)).content).toEqual(bytesOf("kept"));
    ben.state = ben.groups.received(ben.state, opened.state);
    expect(await code(ben.groups.open(ben.state, message))).toBe("cannot_open");
    ben.reload();
    expect(await code(ben.groups.open(ben.state, message))).toBe("cannot_open");
    said.push(await ben.seal("two"));
    expect((await ben.open(await ada.seal("next"))).text).toBe("next");
    for (const [index, text] of ["one", "two"].entries()) expect((await ada.open(at(said, index))).text).toBe(text);
  });

  it("carry what a commit says beside it, up to its limit", async () => {
    const [ada, ben] = three();
    const most = new Uint8Array(maxAuthenticatedBytes);
    const { commit } = await ada.groups.commit(ada.state, {}, bytesOf("at noon"));
    const { authenticated, unverified } = await ben.groups.processCommit(ben.state, commit);
    expect(authenticated).toEqual(bytesOf("at noon"));
    expect(unverified).toEqual([]);
    expect(await code(ada.groups.commit(ada.state, {}, most))).toBe("nothing was thrown");
    expect(await code(ada.groups.commit(ada.state, {}, new Uint8Array(most.length + 1)))).toBe("too_large");
  });

  it("survive a restart at every step", async () => {
    const [ada, ben, cleo] = three();
    for (let step = 0; step < 6; step++) {
      const by = [ada, ben, cleo][step % 3] ?? ada;
      const message = await by.seal(`step ${step}`);
      for (const device of devices) device.reload();
      for (const device of devices.filter((each) => each !== by)) {
        expect((await device.open(message)).text).toBe(`step ${step}`);
      }
      for (const device of devices) device.reload();
      await commitAmong(devices, by);
    }
  });

  it("seal twice from one state with the same key, which is why the newer state must be durable first", async () => {
    const [ada, ben] = three();
    const before = ada.state;
    const first = await ada.seal("first");
    const again = (await ada.groups.seal(before, bytesOf("again"))).message;
    expect((await ben.open(first)).text).toBe("first");
    expect(await code(ben.open(again))).toBe("cannot_open");
  });

  it("keep their states small: the part that moves with messages stays apart from the rest", async () => {
    const [ada, ben] = three();
    const before = ben.groups.encode(ben.state);
    await ben.open(await ada.seal("one"));
    const after = ben.groups.encode(ben.state);
    expect(after.epoch).toBe(1);
    expect(after.base).toEqual(before.base);
    expect(after.ratchets).not.toEqual(before.ratchets);
    expect(after.ratchets.length).toBeLessThan(300);
  });

  it("do not decode parts of different states", async () => {
    const [ada] = three();
    const old = ada.groups.encode(ada.state);
    await commitAmong(devices, ada);
    const now = ada.groups.encode(ada.state);
    expect(() => ada.groups.decode({ base: now.base, ratchets: old.ratchets })).toThrow("do not belong together");
    expect(() => ada.groups.decode({ base: now.base.subarray(1), ratchets: now.ratchets })).toThrow("cannot be read");
  });

  it("refuse states of another adapter", async () => {
    const [ada] = three();
    const foreign: GroupState = { group: "", epoch: 0, devices: [], active: true };
    expect(await code(ada.groups.seal(foreign, bytesOf("")))).toBe("invalid_argument");
  });

  it("hold messages to the size of an envelope", async () => {
    const [ada, ben] = three();
    const most = new Uint8Array(limits.envelopeBytes);
    const { message, state } = await ada.groups.seal(ada.state, most);
    expect((await ben.groups.open(ben.state, message)).content).toHaveLength(most.length);
    expect(await code(ada.groups.seal(state, new Uint8Array(most.length + 1)))).toBe("too_large");
    expect(await code(ada.groups.seal(state, bytesOf("x"), new Uint8Array(1025)))).toBe("too_large");
  });
});

describe("a large group", () => {
  it("takes in devices up to its limit, in messages that others take, and not one more", async () => {
    const lists = await newLists();
    const first = await lists.device("first");
    const others = await Promise.all(
      Array.from({ length: limits.encryptedDevices }, (_, index) => lists.device(`other ${index}`)),
    );
    const packages = await Promise.all(others.map(({ groups }) => groups.makeKeyPackage()));
    const add = packages.map(({ keyPackage }) => keyPackage);
    first.state = await first.groups.createGroup(await sha256("channel"));
    expect(await code(first.groups.commit(first.state, { add }))).toBe("limit_reached");
    const { state, welcome, groupInfo } = await first.groups.commit(first.state, { add: add.slice(1) });
    expect(state.devices).toHaveLength(limits.encryptedDevices);
    const last = at(others, limits.encryptedDevices - 1);
    const kept = at(packages, limits.encryptedDevices - 1).secret;
    expect((await last.groups.joinByWelcome(welcome ?? new Uint8Array(), [kept])).state.devices).toEqual(state.devices);
    expect(await code(at(others, 0).groups.joinByCommit(groupInfo))).toBe("limit_reached");
    expect((await first.groups.commit(state)).commit.length).toBeLessThan(limits.groupMessageBytes);
  }, 60_000);
});

describe("a leaf of a group", () => {
  let lists: DeviceLists;

  beforeEach(async () => {
    lists = await newLists();
  });

  it("is refused when another key than the device's certified it", async () => {
    const [ada] = some(await groupOf(lists, 3));
    const forger = await createSigner("device");
    const victim = await lists.device("victim");
    const { mesh, deviceKey } = lists;
    const { member } = victim.id;
    const groups = new MlsGroups({ mesh, member, device: { ...forger, id: victim.id.device }, deviceKey });
    const { keyPackage } = await groups.makeKeyPackage();
    expect(await code(ada.groups.readKeyPackage(keyPackage))).toBe("bad_signature");
    expect(await code(ada.groups.commit(ada.state, { add: [keyPackage] }))).toBe("bad_signature");
    const { groupInfo } = await ada.groups.commit(ada.state);
    expect(await code(groups.joinByCommit(groupInfo))).toBe("nothing was thrown");
  });

  it("is refused by those who follow as well, whichever way it comes in", async () => {
    const devices = await groupOf(lists, 3);
    const [ada, ben] = some(devices);
    const { groupInfo } = await commitAmong(devices, ada);
    const [forger, victim] = [await createSigner("device"), await lists.device("victim")];
    const { mesh, deviceKey } = lists;
    const device = { ...forger, id: victim.id.device };
    const groups = new MlsGroups({ mesh, member: victim.id.member, device, deviceKey });
    const { commit } = await groups.joinByCommit(groupInfo);
    expect(await code(ben.process(commit))).toBe("bad_signature");
    const careless = new MlsGroups({
      mesh,
      member: ada.id.member,
      device: await createSigner("device"),
      deviceKey: () => Promise.resolve(forger.publicKey),
    });
    const own = await careless.createGroup(ada.state.group);
    const { keyPackage, secret } = await groups.makeKeyPackage();
    const made = await careless.commit(own, { add: [keyPackage] });
    expect(await code(victim.groups.joinByWelcome(made.welcome ?? new Uint8Array(), [secret]))).toBe("bad_signature");
  });

  it("is followed in, and named, when no list has the device any more; nobody joins beside it", async () => {
    const devices = await groupOf(lists, 3);
    const [ada, ben] = some(devices);
    const { groupInfo } = await commitAmong(devices, ada);
    const stranger = new TestDevice(lists, await sha256("stranger"), await createSigner("device"));
    const joined = await stranger.groups.joinByCommit(groupInfo);
    const seen = await ben.groups.processCommit(ben.state, joined.commit);
    expect(seen.unverified).toEqual([stranger.id]);
    expect(seen.state.devices).toContainEqual(stranger.id);
    const dana = await lists.device("dana");
    expect(await code(dana.groups.joinByCommit(joined.groupInfo))).toBe("bad_signature");
    const made = await ben.groups.commit(seen.state, { remove: [stranger.id] });
    expect((await dana.groups.joinByCommit(made.groupInfo)).state.devices).not.toContainEqual(stranger.id);
  });

  it("is refused when its certificate is of another mesh", async () => {
    const [ada] = some(await groupOf(lists, 3));
    const signer = await createSigner("device");
    lists.list(signer.id, signer.publicKey);
    const mesh = await sha256("another mesh");
    const groups = new MlsGroups({ mesh, member: ada.id.member, device: signer, deviceKey: lists.deviceKey });
    expect(await code(ada.groups.readKeyPackage((await groups.makeKeyPackage()).keyPackage))).toBe("bad_signature");
  });

  it("is refused when its member does not list the device any more, but stays until it is removed", async () => {
    const devices = await groupOf(lists, 3);
    const [ada, ben, cleo] = some(devices);
    const dana = await lists.device("dana");
    lists.gone.add(ben.id.device);
    const { keyPackage } = await ben.groups.makeKeyPackage();
    expect(await code(ada.groups.readKeyPackage(keyPackage))).toBe("bad_signature");
    const made = await ada.groups.commit(ada.state, { remove: [ben.id] });
    const joined = await dana.groups.joinByCommit((await ada.groups.commit(ada.state)).groupInfo);
    expect(joined.state.devices).toContainEqual(ben.id);
    await cleo.process(made.commit);
    expect(cleo.state.devices).not.toContainEqual(ben.id);
  });

  it("is the only one of its device", async () => {
    const [ada, ben] = some(await groupOf(lists, 3));
    const { keyPackage } = await ben.groups.makeKeyPackage();
    expect(await code(ada.groups.commit(ada.state, { add: [keyPackage] }))).toBe("already_exists");
    const dana = await lists.device("dana");
    const twice = [(await dana.groups.makeKeyPackage()).keyPackage, (await dana.groups.makeKeyPackage()).keyPackage];
    expect(await code(ada.groups.commit(ada.state, { add: twice }))).toBe("already_exists");
    const again = await ada.groups.commit(ada.state, { add: [keyPackage], remove: [ben.id] });
    expect(again).toMatchObject({ added: [ben.id], removed: [ben.id] });
  });

  it("is not removed by its own device", async () => {
    const [ada] = some(await groupOf(lists, 3));
    expect(await code(ada.groups.commit(ada.state, { remove: [ada.id] }))).toBe("invalid_argument");
  });

  it("passes over removals of devices that are not there", async () => {
    const [ada] = some(await groupOf(lists, 3));
    const dana = await lists.device("dana");
    expect((await ada.groups.commit(ada.state, { remove: [dana.id] })).removed).toEqual([]);
  });
});
