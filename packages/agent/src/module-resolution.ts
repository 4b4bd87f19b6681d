import { registerHooks } from "node:module";

/** What an agent's file may import without installing anything: it comes with the `parley` command. */
const provided = /^(@parley\/(agent|client|protocol)|zod)(\/|$)/;

let registered = false;

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
        return asModule(next(specifier, context));
      } catch (error) {
        if (!provided.test(specifier) || !isMissing(error)) throw error;
        return asModule(next(specifier, { ...context, parentURL: import.meta.url }));
      }
    },
  });
}

/** Node names no format for a `.ts` file that no package.json covers, reads it twice and warns. */
function asModule<Resolved extends { url: string; format?: string | null | undefined }>(resolved: Resolved): Resolved {
  const untold = resolved.format === undefined || resolved.format === null;
  return untold && resolved.url.endsWith(".ts") ? { ...resolved, format: "module-typescript" } : resolved;
}

function isMissing(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  return code === "ERR_MODULE_NOT_FOUND" || code === "ERR_PACKAGE_PATH_NOT_EXPORTED";
}
