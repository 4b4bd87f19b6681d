import type { Path } from "@parley/protocol";

import type { AllowedPaths } from "./delivery.ts";

export const linkPaths: readonly Path[] = ["direct", "turn"];

/** Whether a rule leaves room for a link. */
export const allowsLinks = (paths: AllowedPaths | undefined): boolean =>
  paths === undefined || paths.some((path) => linkPaths.includes(path));

/** Whether a rule lets something go by relay at once, before a link is up. */
export const allowsRelay = (paths: AllowedPaths | undefined): boolean => paths === undefined || paths.includes("relay");
