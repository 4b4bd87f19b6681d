import { withoutComments } from "./repository.ts";

/**
 * The names that a module exports, sorted; types are marked with `type`. Reads the two forms that entry points use, lists
 * (`export { a, type B } from`) and declarations; star exports are refused elsewhere.
 */
export function publicNames(source: string): readonly string[] {
  const code = withoutComments(source);
  return [...listed(code), ...declared(code)].toSorted();
}

function listed(code: string): readonly string[] {
  return [...code.matchAll(/\bexport\s+(type\s+)?\{([^}]*)\}/g)].flatMap(([, allTypes, list]) =>
    (list ?? "")
      .split(",")
      .map((item) => item.trim())
      .filter((item) => item !== "")
      .map((item) => {
        const isType = allTypes !== undefined || item.startsWith("type ");
        const name = item.replace(/^type\s+/, "").replace(/^\S+\s+as\s+/, "");
        return isType ? `type ${name}` : name;
      }),
  );
}

function declared(code: string): readonly string[] {
  const declaration =
    /^export\s+(?:declare\s+|async\s+|abstract\s+)*(const|let|function\*?|class|interface|type)\s+([A-Za-z_$][\w$]*)/gm;
  return [...code.matchAll(declaration)].map(([, kind, name]) =>
    kind === "interface" || kind === "type" ? `type ${name}` : (name ?? ""),
  );
}
