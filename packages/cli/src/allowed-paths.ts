import type { Path } from "@parley/protocol";

import type { Configuration } from "./configuration.ts";

/** The paths that the settings allow, as an option of the device's calls; nothing when all are. */
export function allowedPaths(settings: Configuration): { readonly paths?: readonly Path[] } {
  const paths = settings.get("path");
  // The table of settings has checked the words.
  return paths === undefined ? {} : { paths: paths as readonly Path[] };
}
