import { isIP } from "node:net";

import { ParleyError } from "@parley/protocol";

import type { CommandModule } from "../command.ts";
import { coturnConfiguration, defaultRelayPorts, defaultTurnPort } from "../turn/coturn-configuration.ts";

const mostAddresses = 16;

/** Prints turnserver.conf, filled in. */
export const run: CommandModule["run"] = async ({ input, settings, out }) => {
  const secret = settings.get("turn-secret");
  if (secret === undefined)
    throw new ParleyError("invalid_config", {
      message:
        "It takes the secret that the registry has: set PARLEY_TURN_SECRET, for example to `openssl rand -hex 32`.",
    });
  const realm = input.text("realm") ?? "turn.example.org";
  if (!/^[\w.-]{1,127}$/.test(realm)) throw wrong("realm", "a domain, such as turn.example.org");
  const listen = (input.text("listen") ?? "").split(",").flatMap((text) => text.trim() || []);
  if (listen.length > mostAddresses || listen.some((address) => isIP(address) === 0))
    throw wrong("listen", "addresses separated by commas, such as 198.51.100.7,198.51.100.8");
  const externalAddress = input.text("external-ip");
  const [outer = "", inner] = (externalAddress ?? "").split("/");
  if (externalAddress !== undefined && (isIP(outer) === 0 || (inner !== undefined && isIP(inner) === 0)))
    throw wrong("external-ip", "an address, or PUBLIC/PRIVATE such as 198.51.100.7/10.0.0.7");
  const configuration = coturnConfiguration({
    realm,
    secret,
    listen,
    port: input.integer("listening-port", 1, 65_535) ?? defaultTurnPort,
    relayPorts: readPorts(input.text("relay-ports")),
    ...(externalAddress === undefined ? {} : { externalAddress }),
  });
  out.result({ configuration }, () => out.line(configuration.trimEnd()));
  return 0;
};

function readPorts(text: string | undefined): readonly [number, number] {
  if (text === undefined) return defaultRelayPorts;
  const [from = 0, to = 0] = /^\d{1,5}-\d{1,5}$/.test(text) ? text.split("-").map(Number) : [];
  if (from < 1024 || from > to || to > 65_535) throw wrong("relay-ports", "a range from 1024 on, such as 50000-50999");
  return [from, to];
}

const wrong = (option: string, what: string): ParleyError =>
  new ParleyError("invalid_argument", { message: `--${option} must be ${what}.` });
