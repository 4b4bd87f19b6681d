import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";

import type { CleanUp } from "./cli-process.ts";

/** Changes what a registry answers on one path. */
export type Change = (body: Record<string, unknown>) => Record<string, unknown>;

/** Stands between a device and its registry on the port that the device knows, and changes answers. HTTP only. */
export async function standIn(
  origin: string,
  changes: Readonly<Record<string, Change>>,
  cleanUp: CleanUp,
): Promise<string> {
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const path = request.url ?? "/";
    const real = await fetch(new URL(path, origin));
    const body = (await real.json()) as Record<string, unknown>;
    const changed = changes[path]?.(body) ?? body;
    response.writeHead(real.status, { "content-type": "application/json" }).end(JSON.stringify(changed));
  };
  const listener = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy());
  }).listen(0, "127.0.0.1");
  await once(listener, "listening");
  cleanUp(async () => {
    listener.closeAllConnections();
    await new Promise((resolve) => listener.close(resolve));
  });
  const address = listener.address();
  return `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`;
}
