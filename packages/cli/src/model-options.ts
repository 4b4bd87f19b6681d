/** What `parley init` is told of an agent with a model. */
import type { CommandRow } from "./command.ts";

export const modelOptions: NonNullable<CommandRow["options"]> = [
  {
    name: "role",
    value: "ROLE",
    means: "an agent with a model: assistant, researcher, analyst, coordinator, writer or reviewer",
  },
  {
    name: "provider",
    value: "PROVIDER",
    means: "anthropic (the default), openai, openai-compatible, azure, google or ollama",
  },
  { name: "model", value: "NAME", means: "the model, as its provider calls it; each has one to begin with" },
  { name: "base-url", value: "URL", means: "where the provider is reached, for openai-compatible and azure" },
];
