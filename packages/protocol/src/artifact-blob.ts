/** A part of an artifact whose content is too large for an envelope: it lies sealed at the registry, and the part says where. */
import { z } from "zod";

import { blobRefSchema } from "./blob.ts";

/** The key in a part's `metadata`; the part's `url` is `parley:blob`. */
export const artifactBlobExtension = "https://parley.dev/a2a/extensions/artifact-blob/v1";

export const artifactBlobSchema = z.object({
  /** What of the part lies there: the text, `raw` as it stands, or `data` as JSON; in UTF-8. */
  holds: z.enum(["text", "raw", "data"]),
  /** Where, and how to open it. Gone once the content was fetched. */
  ref: blobRefSchema.optional(),
  /** Bytes of content. */
  size: z.int().min(0),
});
export type ArtifactBlob = z.infer<typeof artifactBlobSchema>;
