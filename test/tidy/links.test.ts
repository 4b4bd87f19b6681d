import { existsSync } from "node:fs";
import { join, posix } from "node:path";

import { describe, expect, it } from "vitest";

import { headingAnchors, linkTargets } from "./markdown.ts";
import { filesMatching, readText, root } from "./repository.ts";

describe.each(filesMatching("*.md", "docs/**/*.md", "packages/*/*.md", "examples/**/*.md", "bench/**/*.md"))(
  "%s",
  (page) => {
    it("links only to files and headings that exist", () => {
      const broken = linkTargets(readText(page)).filter((target) => !resolves(page, target));
      expect(broken).toEqual([]);
    });
  },
);

function resolves(page: string, target: string): boolean {
  if (/^[a-z][a-z0-9+.-]*:/i.test(target)) return true;
  const [file = "", anchor] = target.split("#");
  const path = file === "" ? page : posix.join(posix.dirname(page), decodeURIComponent(file));
  if (path.startsWith("..") || !existsSync(join(root, path))) return false;
  return anchor === undefined || !path.endsWith(".md") || headingAnchors(readText(path)).includes(anchor);
}
