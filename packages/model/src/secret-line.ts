import { ParleyError } from "@parley/protocol";

/** Throws `invalid_config` where a secret would be readable on its way: it goes over TLS, or to this machine. `what` is the key of agent.yaml. */
export function checkSecretLine(what: string, address: string): void {
  const { protocol, hostname } = new URL(address);
  if (protocol === "https:" || /^(localhost|127(\.\d+){3}|\[::1\])$/u.test(hostname)) return;
  throw new ParleyError("invalid_config", {
    message: `${what} is ${protocol}//${hostname}: a key would be readable on its way. Use https.`,
  });
}
