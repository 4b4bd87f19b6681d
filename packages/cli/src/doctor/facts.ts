import { callRoute } from "@parley/client";
import { ParleyError } from "@parley/protocol";

import type { CommandContext } from "../command-context.ts";
import { openHome } from "../open-device.ts";
import { ownIceServers } from "../own-ice-servers.ts";
import type { DoctorFacts } from "./finding.ts";
import { lookAtNetwork } from "./network-facts.ts";
import { lookAtSession } from "./session-facts.ts";

/** Calls a function once and remembers what came of it, an error included. */
function once<Value>(look: () => Promise<Value>): () => Promise<Value> {
  let seen: Promise<Value> | undefined;
  return () => (seen ??= look());
}

/** The facts of this machine and its registry, looked at when they are first asked for. */
export function factsOf(context: CommandContext): DoctorFacts {
  const { settings, signal } = context;
  const home = once(() => openHome(context));
  const mesh = once(async () => {
    const opened = await home();
    return (await opened.meshFile()) === undefined || !(await opened.holdsMember()) ? undefined : opened.mesh();
  });
  // A home that cannot be read has checks of its own; the registry can be looked at all the same.
  const registry = once(
    async () =>
      (await mesh().catch(() => undefined))?.registry ??
      (settings.isSet("registry") ? settings.get("registry") : undefined),
  );
  const node = once(async () => {
    const origin = await registry();
    if (origin === undefined) throw new ParleyError("unreachable");
    const before = performance.now();
    const { body, date } = await callRoute(origin, "node", {}, { signal, timeoutMs: 5000 });
    const halfTripMs = (performance.now() - before) / 2;
    // The body's time is exact to a millisecond; the header, to a second, would show a proxy's clock.
    const time = body.time > 0 ? body.time : (date ?? Date.now());
    return { info: body, skewMs: Math.round(Date.now() - halfTripMs - time) };
  });
  const session = once(() => lookAtSession(context));
  const network = once(async () => {
    const own = ownIceServers(settings);
    const named = await session().then(
      ({ ice }) => ice,
      () => undefined,
    );
    if (named === undefined && own.length === 0) return undefined;
    const origin = await registry().catch(() => undefined);
    return lookAtNetwork([...(named ?? []), ...own], origin, settings.get("link-address"));
  });
  return { context, home, mesh, registry, node, session, network };
}
