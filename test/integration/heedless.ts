import type { DeviceOptions } from "@parley/client";
import { type MeshTrust, Policy, Restrictions } from "@parley/core";
import type { PolicyDocument } from "@parley/protocol";

export const everything: PolicyDocument["rules"][number] = {
  allow: ["see", "call", "message", "post", "invite", "approve"],
};

/** What a device believes whose owner took the operators' orders out of it: policy, restrictions and budgets. */
export function heedless(trust: MeshTrust): MeshTrust {
  return new Proxy(trust, {
    get: (target, key) => {
      if (key === "policy") return new Policy({ rules: [everything] }, 0);
      if (key === "restrictions") return new Restrictions();
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
}

/** A socket to the registry whose owner drops what the registry says of those whom it holds off. */
export const deaf: NonNullable<DeviceOptions["connect"]> = (url, protocol) => {
  const socket = new WebSocket(url, protocol);
  socket.binaryType = "arraybuffer";
  return new Proxy(socket, {
    get: (target, key) => {
      if (key === "addEventListener")
        return (type: string, listener: (event: Event) => void) =>
          target.addEventListener(type, (event) => {
            const data: unknown = event instanceof MessageEvent ? event.data : undefined;
            if (typeof data !== "string" || !data.startsWith('{"type":"holds"')) listener(event);
          });
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
    set: (target, key, value) => Reflect.set(target, key, value, target),
  });
};
