import { type ManifestContent, manifestSchema } from "./manifest-schema.ts";
import { readYaml, type YamlProblem } from "./yaml-form.ts";

export type ManifestResult =
  | { readonly ok: true; readonly manifest: ManifestContent }
  | { readonly ok: false; readonly problems: readonly YamlProblem[] };

/** Reads the text of agent.yaml. Never throws. */
export function readManifest(text: string): ManifestResult {
  const read = readYaml(text, { schema: manifestSchema, example: "name: my-agent" });
  return read.ok ? { ok: true, manifest: read.content } : read;
}
