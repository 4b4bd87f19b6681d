import type { MemberView } from "@parley/client";
import {
  agentCardSchema,
  availabilitySchema,
  devicePresenceSchema,
  memberKindSchema,
  type MemberRecord,
  memberRecordSchema,
  roleSchema,
  scopeSchema,
} from "@parley/protocol";
import { z } from "zod";

const numbers = z.object({
  rotation: z.int(),
  admission: z.int(),
  devices: z.int(),
  card: z.int(),
  withdrawals: z.int(),
});
/** `z.optional` for a field that is always present in our types and may hold undefined. */
const maybe = <Schema extends z.ZodType>(schema: Schema) => schema.optional().transform((value) => value);

const device = z.object({
  device: z.string(),
  key: z.string(),
  label: z.string(),
  since: z.number(),
  seal: maybe(z.string()),
});

/**
 * A member's view as JSON: its devices as a list, its card once. Reading it gives the view back. What was verified was
 * verified by the process that holds the device; this socket is as private as the home.
 */
export const memberViewSchema = z
  .object({
    member: z.string(),
    name: z.string(),
    kind: memberKindSchema,
    roles: z.array(roleSchema),
    card: maybe(agentCardSchema),
    presence: z.array(devicePresenceSchema),
    availability: maybe(availabilitySchema),
    live: z.boolean(),
    stale: z.boolean(),
    verified: z.object({
      number: z.int(),
      devicesAt: z.number(),
      devices: z.array(device),
      encryption: z.object({ kid: z.string(), key: z.string() }),
      rootKey: z.string(),
      replaces: maybe(z.string()),
      scope: maybe(scopeSchema),
      numbers,
      admissionExpires: z.number(),
      withdrawn: z.array(z.string()),
      record: memberRecordSchema.transform(({ card, withdrawals, ...record }): MemberRecord => ({
        ...record,
        ...(card === undefined ? {} : { card }),
        ...(withdrawals === undefined ? {} : { withdrawals }),
      })),
    }),
  })
  .transform((json): MemberView => {
    const { member, name, kind, roles, card, availability, live, stale, verified } = json;
    const devices = new Map(verified.devices.map((entry) => [entry.device, entry]));
    return {
      member,
      name,
      kind,
      roles,
      card,
      devices: json.presence,
      availability,
      live,
      devicesAt: verified.devicesAt,
      stale,
      verified: { ...verified, withdrawn: new Set(verified.withdrawn), devices, member, name, kind, roles, card },
    };
  });

/** The JSON of a view. */
export function memberViewJson(view: MemberView): z.input<typeof memberViewSchema> {
  const { member, name, kind, roles, card, devices, availability, live, stale, verified } = view;
  const { number, encryption, rootKey, replaces, scope, numbers: held, admissionExpires, withdrawn, record } = verified;
  return {
    member,
    name,
    kind,
    roles: [...roles],
    card,
    presence: [...devices],
    availability,
    live,
    stale,
    verified: {
      number,
      devicesAt: verified.devicesAt,
      devices: [...verified.devices.values()],
      encryption,
      rootKey,
      replaces,
      scope,
      numbers: held,
      admissionExpires,
      withdrawn: [...withdrawn],
      record: { ...record, rotations: [...record.rotations] },
    },
  };
}
