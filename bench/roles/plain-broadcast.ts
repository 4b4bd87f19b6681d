/** What a registry's fan-out is compared with: a plain `ws` server that sends what comes to everybody, one frame a message. */
import type { AddressInfo } from "node:net";

import { WebSocketServer } from "ws";

import { answerCommands, processorSeconds } from "../role.ts";

const commands = {
  async start(): Promise<string> {
    const server = new WebSocketServer({ port: 0, host: "127.0.0.1", perMessageDeflate: false });
    server.on("connection", (socket) => {
      socket.on("message", (data) => {
        for (const each of server.clients) each.send(data, { binary: true });
      });
    });
    await new Promise((resolve) => server.once("listening", resolve));
    return `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
  },
  processor: (): number => processorSeconds(),
};

export type PlainBroadcastCommands = typeof commands;
answerCommands(commands);
