import type { Journal } from "@parley/core";
import {
  type BlobRef,
  decodeJson,
  directMessageSchema,
  envelopeKinds,
  issueOf,
  limits,
  ParleyError,
} from "@parley/protocol";

import { bodyOf, textOf } from "../body.ts";

/** The body of a direct message. Throws `invalid_argument` for what is no reference, `too_large` when it does not fit. */
export function messageBody(text: string, attachments: readonly BlobRef[] = []): Uint8Array {
  const message = { text, ...(attachments.length === 0 ? {} : { attachments }) };
  const body = bodyOf(message);
  if (body.length > limits.envelopeBytes)
    throw new ParleyError("too_large", {
      message: `A message has at most ${limits.envelopeBytes} bytes, the references to its attachments included.`,
    });
  const parsed = directMessageSchema.safeParse(message);
  if (!parsed.success) throw new ParleyError("invalid_argument", { message: `The message: ${issueOf(parsed.error)}.` });
  return bodyOf(parsed.data);
}

/** What was attached to a message that the journal remembers. Throws `not_found`. */
export async function attachmentsOf(journal: Journal, id: string): Promise<readonly BlobRef[]> {
  const { records } = await journal.deliveries({ id });
  const record = records.find(({ kind }) => kind === envelopeKinds.message);
  if (record === undefined)
    throw new ParleyError("not_found", { message: "This device does not remember a message with this id." });
  const message = decodeJson(directMessageSchema, textOf(record.body), limits.envelopeBytes);
  return message.ok ? (message.value.attachments ?? []) : [];
}
