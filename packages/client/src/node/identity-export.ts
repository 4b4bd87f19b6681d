/** A member's keys under a passphrase, as a file in age's format that can be kept anywhere. */
import { ParleyError, parseJson } from "@parley/protocol";
import { z } from "zod";

import { openWithPassphrase, sealWithPassphrase } from "./age-text.ts";
import { identityFileSchema } from "./identity-file.ts";
import { meshFileSchema } from "./mesh-file.ts";

const mostExportCharacters = 32 * 1024 * 1024;
const armorBegins = "-----BEGIN AGE ENCRYPTED FILE-----";

const contentSchema = z.strictObject({
  parley: z.literal("identity"),
  version: z.literal(1),
  identity: identityFileSchema,
  mesh: meshFileSchema.optional(),
});
export type ExportedIdentity = Omit<z.infer<typeof contentSchema>, "parley" | "version">;

/** Seals keys and pins; `workFactor` as in `sealWithPassphrase`. Throws `invalid_argument` when the passphrase is too short. */
export function sealIdentity(content: ExportedIdentity, passphrase: string, workFactor?: number): Promise<string> {
  return sealWithPassphrase(JSON.stringify({ parley: "identity", version: 1, ...content }), passphrase, workFactor);
}

/** Opens what `sealIdentity` made. Throws `invalid_argument` for another file, `cannot_open` for a wrong passphrase. */
export async function openIdentity(text: string, passphrase: string): Promise<ExportedIdentity> {
  if (text.length > mostExportCharacters || !text.startsWith(armorBegins))
    throw new ParleyError("invalid_argument", {
      message: "This is not an exported identity; `parley identity export` writes one.",
    });
  const json = parseJson(await openWithPassphrase(text, passphrase), mostExportCharacters);
  const content = json.ok ? contentSchema.safeParse(json.value) : undefined;
  if (content?.success !== true)
    throw new ParleyError("cannot_open", { message: "The passphrase opens this file, which holds no identity." });
  const { parley: _, version: _version, ...exported } = content.data;
  return exported;
}
