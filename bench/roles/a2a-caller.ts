/** A caller of an A2A agent, on the official SDK's client. Node's `fetch` keeps its connections alive. */
import { Role } from "@a2a-js/sdk";
import { ClientFactory } from "@a2a-js/sdk/client";

import { type LoadFigures, repeatCall } from "../load.ts";
import { answerCommands } from "../role.ts";

type A2aClient = Awaited<ReturnType<ClientFactory["createFromUrl"]>>;

let connected: A2aClient | undefined;

/** Calls with one data part, and checks that the answer carries it. */
async function echo(client: A2aClient, text: string): Promise<void> {
  const answer = await client.sendMessage({
    tenant: "",
    message: {
      messageId: crypto.randomUUID(),
      contextId: "",
      taskId: "",
      role: Role.ROLE_USER,
      parts: [{ content: { $case: "data", value: { text } }, metadata: undefined, filename: "", mediaType: "" }],
      metadata: undefined,
      extensions: [],
      referenceTaskIds: [],
    },
    configuration: undefined,
    metadata: undefined,
  });
  const content = "artifacts" in answer ? answer.artifacts[0]?.parts[0]?.content : undefined;
  const value: unknown = content?.$case === "data" ? content.value : undefined;
  if ((value as { text: string } | undefined)?.text !== text) throw new Error("a call got another's answer");
}

const commands = {
  async connect(origin: string): Promise<void> {
    connected = await new ClientFactory().createFromUrl(origin);
  },
  call(load: { seconds: number; inFlight: number }): Promise<LoadFigures> {
    const client = connected;
    if (client === undefined) throw new Error("not connected");
    let next = 0;
    return repeatCall(() => echo(client, `call ${next++}`), load);
  },
};

export type A2aCallerCommands = typeof commands;
answerCommands(commands);
