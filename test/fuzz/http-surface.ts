import { connect } from "node:net";

import { httpErrorSchema, type RouteName, routeTable } from "@parley/protocol";
import type { SeededRandom } from "@parley/testkit";

import { corpus } from "./corpus.ts";
import { mutateBytes, mutateText } from "./mutate.ts";
import { openRegistryTarget, type RegistryTarget } from "./registry-target.ts";
import { BrokenInvariant, plantedText, type Surface, within } from "./surface.ts";

const answerMs = 5000;
const requestsPerCase = 10;
const names = Object.keys(routeTable) as RouteName[];

/** A route with its path, method or body changed. An error has to be one of the table, in JSON. */
async function request({ origin }: RegistryTarget, random: SeededRandom): Promise<void> {
  const name = random.pick(names);
  const route = routeTable[name];
  const path = route.path.replace(
    "{pairing}",
    random.chance(0.5)
      ? "AAAAAAAAAAAAAAAAAAAAAA"
      : encodeURIComponent(new TextDecoder().decode(random.bytes(random.below(40)))),
  );
  const query = random.chance(0.1) ? `?wait=${random.pick(["-1", "1e9", "x", plantedText])}` : "";
  const method = random.chance(0.9)
    ? route.method.toUpperCase()
    : random.pick(["PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"]);
  const hasBody = method !== "GET" && method !== "HEAD";
  const body = random.chance(0.9)
    ? mutateText(corpus.routeBodies[name] ?? { label: plantedText }, random)
    : "x".repeat(random.below(300_000));
  const type = random.chance(0.9) ? "application/json" : "text/plain";
  const sent = fetch(`${origin}${path}${query}`, {
    method,
    headers: { "content-type": type },
    ...(hasBody ? { body } : {}),
  });
  const response = await within(sent, answerMs, `${method} ${route.path}`);
  const text = await within(response.text(), answerMs, `the answer of ${method} ${route.path}`);
  if (response.status === 500) throw new BrokenInvariant(`${method} ${route.path} answered 500`);
  if (response.status < 400 || method === "HEAD") return;
  if (!httpErrorSchema.safeParse(JSON.parse(text)).success)
    throw new BrokenInvariant(`${method} ${route.path} answered ${response.status} without a coded error`);
}

/** Bytes that are hardly HTTP. */
async function raw({ port }: RegistryTarget, random: SeededRandom): Promise<void> {
  const socket = connect(port, "127.0.0.1");
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  socket.on("error", () => undefined).resume();
  const text = `POST /pairings HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Type: application/json\r\nContent-Length: 20\r\nConnection: close\r\n\r\n{"secret":"123456"}  `;
  socket.end(mutateBytes(Buffer.from(text), random));
  await within(closed, answerMs, "closing a socket that sent hardly HTTP");
}

/** The registry's HTTP routes. */
export async function openHttpSurface(): Promise<Surface> {
  const target = await openRegistryTarget();
  return {
    secrets: target.secrets,
    takeLog: () => target.takeLog(),
    async run(random) {
      for (let count = 0; count < requestsPerCase; count++)
        await (random.chance(0.8) ? request(target, random) : raw(target, random));
      return requestsPerCase;
    },
    probe: () => target.probe(),
    close: () => target.close(),
  };
}
