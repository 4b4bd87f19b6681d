/** An agent that takes part in `#general`: it greets whoever calls it. Its channel comes by the socket of the process that runs it. */
import { setTimeout as pause } from "node:timers/promises";

import { createAgent } from "@parley/agent";
import { socketPathOf } from "@parley/client/node";
import { textContent } from "@parley/protocol";
import { attachDevice } from "@parley/sidecar";

const retryMs = 50;
const mostTries = 600;

export const greeter = createAgent({
  name: "greeter",
  version: "1.0.0",
  description: "Greets in #general",
  skills: [],
});

/** The socket opens, and the session after it, once this module is loaded. */
async function takePart(): Promise<void> {
  const device = await attachDevice(socketPathOf(process.env["GREETER_HOME"] ?? ""));
  const { conversations } = device;
  try {
    await conversations.joinChannel("#general");
  } catch (error) {
    await device.stop();
    throw error;
  }
  await conversations.subscribe("#general", async ({ message, replay }) => {
    const text = textContent(message.content)?.text ?? "";
    if (replay || message.own || !text.startsWith("greeter,")) return;
    await conversations.say("#general", { text: `good day, ${message.via?.name ?? message.name}` });
  });
}

async function untilItTakesPart(): Promise<void> {
  for (let left = mostTries; left > 0; left--) {
    try {
      await takePart();
      return;
    } catch {
      await pause(retryMs);
    }
  }
}

void untilItTakesPart();
