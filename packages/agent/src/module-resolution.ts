import { registerHooks } from "node:module";
import { pathToFileURL } from "node:url";

/** What an agent's file may import without installing anything: it comes with the `parley` command. */
const provided = /^(@parley\/(agent|client|protocol)|zod)(\/|$)/;

let registered = false;
/** Node keeps each module under its address for good: one that is to be read anew gets another address. */
let generation = 0;
const generationKey = "parley-generation";

/**
 * Lets agents anywhere on disk import `@parley/agent` and `zod`: what their own folders do not have is taken from here.
 * A TypeScript file without a package.json around it is taken for an ES module. Safe to call twice.
 */
export function provideModules(): void {
  if (registered) return;
  registered = true;
  registerHooks({
    resolve: (specifier, context, next) => {
      try {
        return inGeneration(asModule(next(specifier, context)), context.parentURL);
      } catch (error) {
        if (!provided.test(specifier) || !isMissing(error)) throw error;
        return asModule(next(specifier, { ...context, parentURL: import.meta.url }));
      }
    },
  });
}

/** From now on agents' files are read anew. What was read before stays in memory: for development. */
export function readModulesAnew(): void {
  generation++;
}

/** The address of an agent's file, in the present generation. */
export function moduleAddress(path: string): string {
  const url = pathToFileURL(path);
  if (generation > 0) url.searchParams.set(generationKey, String(generation));
  return url.href;
}

/** What an agent's file imports beside it is as new as itself; packages are not read anew. */
function inGeneration<Resolved extends { url: string }>(resolved: Resolved, parent: string | undefined): Resolved {
  const of = parent?.startsWith("file:") === true ? new URL(parent).searchParams.get(generationKey) : null;
  if (of === null || !resolved.url.startsWith("file:") || resolved.url.includes("/node_modules/")) return resolved;
  const url = new URL(resolved.url);
  url.searchParams.set(generationKey, of);
  return isProduct(url) ? resolved : { ...resolved, url: url.href };
}

/** A checkout of Parley itself is no part of an agent. */
const isProduct = (url: URL): boolean => url.href.startsWith(new URL("../..", import.meta.url).href);

/** Node names no format for a `.ts` file that no package.json covers, reads it twice and warns. */
function asModule<Resolved extends { url: string; format?: string | null | undefined }>(resolved: Resolved): Resolved {
  const untold = resolved.format === undefined || resolved.format === null;
  return untold && resolved.url.endsWith(".ts") ? { ...resolved, format: "module-typescript" } : resolved;
}

function isMissing(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  return code === "ERR_MODULE_NOT_FOUND" || code === "ERR_PACKAGE_PATH_NOT_EXPORTED";
}
