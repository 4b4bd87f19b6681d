import type { Duplex } from "node:stream";

import type { DoorCode } from "./refusal.ts";

const phrases = { 403: "Forbidden", 404: "Not Found", 426: "Upgrade Required", 429: "Too Many Requests" } as const;

/** An HTTP answer on a socket that will not become a WebSocket (RFC 6455 section 4.2.2). */
export function refuseUpgrade(socket: Duplex, status: keyof typeof phrases, code: DoorCode, message: string): void {
  const body = JSON.stringify({ type: "ERROR", code, message });
  const head = [
    `HTTP/1.1 ${status} ${phrases[status]}`,
    "content-type: application/json",
    `content-length: ${Buffer.byteLength(body)}`,
    "cache-control: no-store",
    "connection: close",
  ];
  // Else it would stay for as long as the other side likes.
  socket.once("finish", () => socket.destroy());
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`);
}
