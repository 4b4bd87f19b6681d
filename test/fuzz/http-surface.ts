import { createHash } from "node:crypto";
import { connect } from "node:net";

import { httpErrorSchema, parseJson, type RouteName, routeTable } from "@parley/protocol";
import type { SeededRandom } from "@parley/testkit";

import { corpus } from "./corpus.ts";
import { mutateBytes, mutateText } from "./mutate.ts";
import { openRegistryTarget, type RegistryTarget } from "./registry-target.ts";
import { BrokenInvariant, plantedText, type Surface, within } from "./surface.ts";

/** Far above what an idle machine needs: a busy one is no hang. */
const answerMs = 20_000;
const requestsPerCase = 10;
const casesPerToken = 500;
const names = Object.keys(routeTable) as RouteName[];

/** What the fuzzer shows the API: a member's session token, and the hash of a part that is there. */
interface Caller {
  readonly token: string;
  readonly hash: string;
}

const partBytes = 2048;
const mostTokenCharacters = 8000;

async function openCaller({ honest, origin }: RegistryTarget): Promise<Caller> {
  const { token } = await honest.request("token.get", {});
  const part = new Uint8Array(partBytes).fill(7);
  const hash = createHash("sha256").update(part).digest("hex");
  const put = await fetch(`${origin}/blobs/${hash}`, {
    method: "PUT",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/octet-stream" },
    body: part,
  });
  if (!put.ok) throw new BrokenInvariant(`a part was not taken: ${await put.text()}`);
  return { token, hash };
}

/** A value for a part of a path: one that is there, one of the right shape, or anything. */
function segment(name: string, { hash }: Caller, random: SeededRandom): string {
  if (random.chance(0.3)) return encodeURIComponent(new TextDecoder().decode(random.bytes(random.below(40))));
  if (name === "name") return random.pick(["general", "%23general", "honest", "@honest", "a".repeat(43)]);
  if (name !== "hash") return "AAAAAAAAAAAAAAAAAAAAAA";
  return random.chance(0.5) ? hash : Buffer.from(random.bytes(32)).toString("hex");
}

function queryOf(random: SeededRandom): string {
  if (random.chance(0.8)) return "";
  const value = random.pick(["-1", "1e9", "x", "0", String(Date.now() + 60_000), plantedText]);
  return `?${random.pick(["wait", "expires", "limit", "after", "live", "from", "text", "access_token", "x"])}=${value}`;
}

function headersOf(
  route: (typeof routeTable)[RouteName],
  { token }: Caller,
  random: SeededRandom,
): Record<string, string> {
  // Shorter than the most that Node reads of a request's head.
  const bearer = random.chance(0.8)
    ? token
    : mutateText(token, random)
        .replaceAll(/[^\x20-\x7e]/g, "")
        .slice(0, mostTokenCharacters);
  const type = "bytes" in route ? "application/octet-stream" : "application/json";
  const range = random.pick([
    "bytes=0-9",
    "bytes=-5",
    "bytes=5-",
    "bytes=9-1",
    "bytes=0-0,5-9",
    "bytes=99999999999999999999-",
    "x",
  ]);
  return {
    "content-type": random.chance(0.9) ? type : "text/plain",
    ...("roles" in route && random.chance(0.9) ? { authorization: `Bearer ${bearer}` } : {}),
    ...(random.chance(0.1) ? { range } : {}),
    ...(random.chance(0.05) ? { "if-range": `"${plantedText}"` } : {}),
  };
}

function bodyOf(name: RouteName, random: SeededRandom): string | Uint8Array<ArrayBuffer> {
  if (random.chance(0.05)) return "x".repeat(random.below(300_000));
  if ("bytes" in routeTable[name]) return random.bytes(random.below(partBytes));
  return mutateText(corpus.routeBodies[name] ?? { label: plantedText }, random);
}

/** A route of the table with its path, headers, method or body changed. An error has to be one of the table, in JSON. */
async function request({ origin }: RegistryTarget, caller: Caller, random: SeededRandom): Promise<void> {
  const name = random.pick(names);
  const route = routeTable[name];
  const path = route.path.replaceAll(/\{(\w+)\}/g, (_, part: string) => segment(part, caller, random));
  const method = random.chance(0.9)
    ? route.method.toUpperCase()
    : random.pick(["PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"]);
  const hasBody = method !== "GET" && method !== "HEAD";
  const sent = fetch(`${origin}${path}${queryOf(random)}`, {
    method,
    headers: headersOf(route, caller, random),
    ...(hasBody ? { body: bodyOf(name, random) } : {}),
  });
  const response = await within(sent, answerMs, `${method} ${route.path}`);
  const text = await within(response.text(), answerMs, `the answer of ${method} ${route.path}`);
  if (response.status === 500) throw new BrokenInvariant(`${method} ${route.path} answered 500`);
  if (response.status < 400 || method === "HEAD") return;
  if (!isCodedError(text))
    throw new BrokenInvariant(`${method} ${path} answered ${response.status} without a coded error: ${text}`);
}

function isCodedError(text: string): boolean {
  const json = parseJson(text, text.length);
  return json.ok && httpErrorSchema.safeParse(json.value).success;
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

/** The registry's HTTP routes, all of its table. */
export async function openHttpSurface(): Promise<Surface> {
  const target = await openRegistryTarget();
  let caller = await openCaller(target);
  let cases = 0;
  return {
    secrets: target.secrets,
    takeLog: () => target.takeLog(),
    async run(random) {
      // A token is good for five minutes only.
      if (++cases % casesPerToken === 0) caller = await openCaller(target);
      for (let count = 0; count < requestsPerCase; count++)
        await (random.chance(0.8) ? request(target, caller, random) : raw(target, random));
      return requestsPerCase;
    },
    probe: () => target.probe(),
    close: () => target.close(),
  };
}
