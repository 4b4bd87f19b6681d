/** An A2A agent over JSON-RPC and HTTP on the official SDK, as its documents set one up: what delegation is compared with. */
import type { AddressInfo } from "node:net";

import { type AgentCard, TaskState } from "@a2a-js/sdk";
import { AgentEvent, type AgentExecutor, DefaultRequestHandler, InMemoryTaskStore } from "@a2a-js/sdk/server";
import { agentCardHandler, jsonRpcHandler, UserBuilder } from "@a2a-js/sdk/server/express";
import express from "express";

import { answerCommands } from "../role.ts";

/** Ends each task at once with an artifact that carries the same parts: what a delegation is, in one event. */
const executor: AgentExecutor = {
  execute({ taskId, contextId, userMessage }, bus) {
    bus.publish(
      AgentEvent.task({
        id: taskId,
        contextId,
        status: { state: TaskState.TASK_STATE_COMPLETED, message: undefined, timestamp: new Date().toISOString() },
        artifacts: [
          {
            artifactId: "output",
            name: "",
            description: "",
            parts: userMessage.parts,
            metadata: undefined,
            extensions: [],
          },
        ],
        history: [],
        metadata: undefined,
      }),
    );
    bus.finished();
    return Promise.resolve();
  },
  cancelTask: () => Promise.resolve(),
};

function cardAt(url: string): AgentCard {
  return {
    name: "echo",
    description: "Answers with its input",
    supportedInterfaces: [{ url, protocolBinding: "JSONRPC", tenant: "", protocolVersion: "1.0" }],
    provider: undefined,
    version: "1.0.0",
    capabilities: { streaming: false, pushNotifications: false, extensions: [] },
    securitySchemes: {},
    securityRequirements: [],
    defaultInputModes: ["application/json"],
    defaultOutputModes: ["application/json"],
    skills: [
      {
        id: "echo",
        name: "Echo",
        description: "Answers with its input",
        tags: [],
        examples: [],
        inputModes: [],
        outputModes: [],
        securityRequirements: [],
      },
    ],
    signatures: [],
  };
}

const commands = {
  /** Returns the origin. */
  async start(): Promise<string> {
    const app = express();
    const { server, origin } = await new Promise<{ server: ReturnType<typeof app.listen>; origin: string }>(
      (resolve) => {
        const server = app.listen(0, "127.0.0.1", () => {
          resolve({ server, origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
        });
      },
    );
    // Connections stay open between measurements, as they do behind a busy agent.
    server.keepAliveTimeout = 600_000;
    const requestHandler = new DefaultRequestHandler(cardAt(`${origin}/a2a`), new InMemoryTaskStore(), executor);
    app.use("/.well-known/agent-card.json", agentCardHandler({ agentCardProvider: requestHandler }));
    app.use("/a2a", jsonRpcHandler({ requestHandler, userBuilder: UserBuilder.noAuthentication }));
    return origin;
  },
};

export type A2aServerCommands = typeof commands;
answerCommands(commands);
