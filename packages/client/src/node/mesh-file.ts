import { compactSchema, id16Schema } from "@parley/protocol";
import { z } from "zod";

/**
 * `mesh.json`: the mesh that a home belongs to. `unconfirmed`: the words of a code were not compared yet; `pending`: an
 * operator has not answered.
 */
export const meshFileSchema = z.strictObject({
  version: z.literal(1),
  /** Origin of the registry. */
  registry: z.url({ protocol: /^https?$/ }).max(2048),
  state: z.enum(["unconfirmed", "pending", "admitted"]),
  /** Id of the request to join. */
  pairing: id16Schema.optional(),
  admission: compactSchema.optional(),
  /** The signed device list. */
  devices: compactSchema,
  /** Pins of MeshTrust, which checks them itself. */
  pins: z.record(z.string(), z.unknown()),
});
export type MeshFile = z.infer<typeof meshFileSchema>;
