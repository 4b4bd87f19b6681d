/** The operations on what may reach an agent's program. */
import { limits } from "@parley/protocol";
import { z } from "zod";

import {
  attentionModeSchema,
  attentionSchema,
  clientSchema,
  heldClientSchema,
  loopSchema,
  standingSchema,
} from "./guard-json.ts";
import { empty, none, operation, who } from "./operation-row.ts";

export const guardOperations = {
  standingOf: operation(
    "What a program should know of a member beside its text.",
    z.strictObject({ who, asks: z.exactOptional(z.boolean()) }),
    standingSchema,
    none,
  ),
  attention: operation("What may reach the agent's program now, if somebody set it.", empty, attentionSchema, none),
  setAttention: operation(
    "Sets what may reach the agent's program; without a mode the manifest's holds again.",
    z.strictObject({
      mode: z.exactOptional(attentionModeSchema),
      forMs: z.exactOptional(z.int().min(1).max(limits.expiryMs)),
    }),
    attentionSchema,
    none,
  ),
  loops: operation(
    "Conversations that stand still, because agents went round in circles.",
    empty,
    z.object({ loops: z.array(loopSchema) }),
    none,
  ),
  stopLoop: operation(
    "Notes a conversation as one that stands still.",
    z.strictObject({ loop: loopSchema }),
    z.object({ changed: z.boolean() }),
    none,
  ),
  resumeLoop: operation(
    "Lets a conversation go on.",
    z.strictObject({ conversation: z.string().min(2).max(128) }),
    z.object({ changed: z.boolean() }),
    none,
  ),
  held: operation("Who came through an edge and waits.", empty, z.object({ held: z.array(heldClientSchema) }), none),
  hold: operation(
    "Holds somebody who came through an edge, unless admitted.",
    z.strictObject({ client: clientSchema }),
    z.object({ admitted: z.boolean() }),
    none,
  ),
  admit: operation(
    "Lets somebody who came through an edge reach the program.",
    z.strictObject({ id: z.string().min(1).max(128) }),
    empty,
    none,
  ),
  redact: operation(
    "Takes secrets out of what leaves the device, or not any more.",
    z.strictObject({ on: z.boolean() }),
    empty,
    none,
  ),
} as const;
