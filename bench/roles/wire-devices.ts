/** Many devices that hold nothing but an authenticated session each. */
import { TestDevice, type TestIdentity, WireMesh } from "@parley/testkit";

import { answerCommands } from "../role.ts";

let mesh: WireMesh | undefined;
const identities: TestIdentity[] = [];
const devices: TestDevice[] = [];

const commands = {
  /** Claims the mesh and lets in one member for each device. */
  async admit({ origin, secret, count }: { origin: string; secret: string; count: number }): Promise<void> {
    mesh = await WireMesh.claim(origin, secret);
    for (let member = 0; member < count; member++) identities.push(await mesh.admit(`m${member}`));
  },
  /** Opens the sessions of the next members, with the registry where it is now. */
  async connect({ origin, count }: { origin: string; count: number }): Promise<void> {
    const next = identities.slice(devices.length, devices.length + count);
    for (const identity of next) devices.push(await TestDevice.open(origin, identity, mesh?.mesh ?? ""));
  },
};

export type WireDevicesCommands = typeof commands;
answerCommands(commands);
