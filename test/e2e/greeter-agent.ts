/** An agent that greets whoever calls it in `#general`, once it was told to take part; through the socket of its own process. */
import { createAgent } from "@parley/agent";
import { socketPathOf } from "@parley/client/node";
import { textContent } from "@parley/protocol";
import { attachDevice } from "@parley/sidecar";

export const greeter = createAgent({
  name: "greeter",
  version: "1.0.0",
  description: "Greets in #general",
  skills: [],
  onMessage: async () => {
    const { conversations } = await attachDevice(socketPathOf(process.env["GREETER_HOME"] ?? ""));
    await conversations.joinChannel("#general");
    await conversations.subscribe("#general", async ({ message, replay }) => {
      const text = textContent(message.content)?.text ?? "";
      if (replay || message.own || !text.startsWith("greeter,")) return;
      await conversations.say("#general", { text: `good day, ${message.via?.name ?? message.name}` });
    });
  },
});
