/** Devices of an encrypted channel in a page; bytes go in and out in hexadecimal. */
import { DeviceLists, type TestDevice } from "../../../packages/mls/test/devices.ts";

export interface ListedDevice {
  readonly device: string;
  readonly key: string;
}

export interface OpenedText {
  readonly text: string;
  /** Device id of who sealed it. */
  readonly from: string;
}

declare global {
  interface Window {
    readonly groups: {
      /** Makes so many devices of a mesh; their keys go on the list. */
      readonly start: (mesh: string, count: number) => Promise<readonly ListedDevice[]>;
      readonly list: (listed: ListedDevice) => void;
      /** A key package whose private part stays here. */
      readonly makeKeyPackage: (index: number) => Promise<string>;
      readonly joinByWelcome: (index: number, welcome: string) => Promise<void>;
      /** Returns the commit. */
      readonly joinByCommit: (index: number, groupInfo: string) => Promise<string>;
      readonly process: (index: number, commit: string) => Promise<void>;
      readonly seal: (index: number, text: string) => Promise<string>;
      readonly open: (index: number, message: string) => Promise<OpenedText>;
    };
  }
}

const devices: TestDevice[] = [];
const secrets = new Map<number, Uint8Array>();
let lists: DeviceLists | undefined;

function deviceAt(index: number): TestDevice {
  const device = devices[index];
  if (device === undefined) throw new Error("start comes first");
  return device;
}

const toHex = (bytes: Uint8Array): string => [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
const fromHex = (hex: string): Uint8Array =>
  Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));

const groups: Window["groups"] = {
  async start(mesh, count) {
    const made = new DeviceLists(mesh);
    lists = made;
    for (let index = 0; index < count; index++) devices.push(await made.device(`in the page ${index}`));
    return made.listed;
  },
  list: ({ device, key }) => lists?.list(device, key),
  async makeKeyPackage(index) {
    const { keyPackage, secret } = await deviceAt(index).groups.makeKeyPackage();
    secrets.set(index, secret);
    return toHex(keyPackage);
  },
  async joinByWelcome(index, welcome) {
    const device = deviceAt(index);
    const kept = secrets.get(index) ?? new Uint8Array();
    device.state = (await device.groups.joinByWelcome(fromHex(welcome), [kept])).state;
  },
  async joinByCommit(index, groupInfo) {
    const device = deviceAt(index);
    const { state, commit } = await device.groups.joinByCommit(fromHex(groupInfo));
    device.state = state;
    return toHex(commit);
  },
  process: (index, commit) => deviceAt(index).process(fromHex(commit)),
  seal: async (index, text) => toHex(await deviceAt(index).seal(text)),
  async open(index, message) {
    const { text, from } = await deviceAt(index).open(fromHex(message));
    return { text, from: from.device };
  },
};

Object.assign(globalThis, { groups });
