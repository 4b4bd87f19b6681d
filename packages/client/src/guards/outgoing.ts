/** What leaves this device, before it is signed, sealed or remembered as said. */
import { redactSecrets, redactSecretsIn } from "@parley/core";
import type { Content } from "@parley/protocol";

export interface Outgoing {
  text(text: string): string;
  /** A JSON value: its strings, the names of its fields left as they are. */
  value(value: unknown): unknown;
}

/** With secrets taken out while `redacts` says so, else as it is. */
export function outgoingOf(redacts: () => boolean): Outgoing {
  return {
    text: (text) => (redacts() ? redactSecrets(text) : text),
    value: (value) => (redacts() ? redactSecretsIn(value) : value),
  };
}

/** Content with its words changed; attachments, marks and reactions stay. */
export function outgoingContent(content: Content, outgoing: Outgoing): Content {
  if (content.type !== "text" && content.type !== "edit") return content;
  return { ...content, text: outgoing.text(content.text) };
}
