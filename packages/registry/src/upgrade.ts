import type { IncomingMessage, Server } from "node:http";
import type { Duplex } from "node:stream";

import {
  type ErrorCode,
  isParleyError,
  limits,
  ParleyError,
  sessionPath,
  sessionProtocol,
  toParleyError,
} from "@parley/protocol";
import { WebSocketServer } from "ws";

import { checkHost, checkOrigin, type HostRules } from "./host-check.ts";
import type { HttpGate } from "./http-gate.ts";
import { refuseSocket } from "./http-listener.ts";
import type { RegistryLog, UpgradeHandler } from "./options.ts";
import { checkHead } from "./request-head.ts";
import { CoalescingSocket, type SessionSocket } from "./session-socket.ts";
import type { Session } from "./session.ts";

export interface UpgradeOptions {
  readonly rules: () => HostRules;
  /** Throws while no sessions are taken. */
  readonly checkReady: () => void;
  readonly accept: (socket: SessionSocket) => Session;
  /** A device got no session. */
  readonly onRefused: (address: string, code: ErrorCode) => void;
  readonly plainDoor: UpgradeHandler | undefined;
  readonly gate: HttpGate;
  readonly log: RegistryLog;
}

/** Where the plain door is, as agentchat's clients expect it. */
const plainDoorPath = "/chat";

/** Larger messages are cut off while they come (close code 1009); smaller ones that pass a limit get the table's code. */
const mostMessageBytes = 2 * limits.controlBytes;

/** WebSockets of sessions: nothing is unpacked, so that a message is as large as it comes. */
export function makeSockets(): WebSocketServer {
  return new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: mostMessageBytes,
    clientTracking: true,
    handleProtocols: () => sessionProtocol,
  });
}

/** Turns HTTP upgrades of the session path into sessions, and hands those of the plain door to it. */
export function acceptSessions(http: Server, sockets: WebSocketServer, options: UpgradeOptions): void {
  http.on("upgrade", (request, wire, head) => {
    wire.on("error", destroy);
    try {
      checkHead(request);
      checkHost(request.headers.host, options.rules());
      const from = options.gate.clientAddress(request);
      options.gate.openSession(from, request.socket);
      if (options.plainDoor !== undefined && URL.parse(request.url ?? "", "http://door")?.pathname === plainDoorPath) {
        options.plainDoor(request, wire, head);
        return;
      }
      check(request, options);
      sockets.handleUpgrade(request, wire, head, (socket) =>
        openSession(new CoalescingSocket(socket, wire, from.address), socket, options),
      );
    } catch (error) {
      if (!isParleyError(error))
        options.log("error", "upgrade.failed", { error: error instanceof Error ? error.message : "not an error" });
      const coded = toParleyError(error);
      options.onRefused(options.gate.clientAddress(request).address, coded.code);
      refuseSocket(wire, coded);
    }
  });
}

/** Made once: a listener made where the request is at hand would keep the request for as long as the socket lives. */
function destroy(this: Duplex): void {
  this.destroy();
}

function check(request: IncomingMessage, options: UpgradeOptions): void {
  const { headers } = request;
  checkOrigin(headers.origin, headers.host, options.rules());
  if (request.url !== sessionPath) throw new ParleyError("not_found");
  const offered = headers["sec-websocket-protocol"]?.split(",").map((name) => name.trim()) ?? [];
  if (!offered.includes(sessionProtocol))
    throw new ParleyError("unsupported_version", { message: `Sessions speak the sub-protocol ${sessionProtocol}.` });
  options.checkReady();
}

type Socket = Parameters<Parameters<WebSocketServer["handleUpgrade"]>[3]>[0];

function openSession(own: CoalescingSocket, socket: Socket, options: UpgradeOptions): void {
  const session = options.accept(own);
  socket.on("message", (data, isBinary) => {
    const bytes = data as Buffer;
    if (isBinary) session.onBytes(bytes);
    else session.onText(bytes.toString());
  });
  socket.on("pong", () => session.onPong());
  socket.on("ping", () => session.onPong());
  socket.on("close", (code) => session.onClosed(code));
  socket.on("error", (error) => options.log("debug", "socket.failed", { error: error.message }));
}
