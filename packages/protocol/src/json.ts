import { limits } from "./limits.ts";
import { decoded, type Decoded, undecodable } from "./result.ts";

/** Whether nesting stays within the limit; looks at characters only, so that it is safe before JSON.parse. */
function depthOk(text: string): boolean {
  let depth = 0;
  let inString = false;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (inString) {
      if (code === 92) index++;
      else if (code === 34) inString = false;
    } else if (code === 34) inString = true;
    else if (code === 123 || code === 91) {
      if (++depth > limits.jsonDepth) return false;
    } else if (code === 125 || code === 93) depth--;
  }
  return true;
}

/** JSON from outside: size and depth are checked before it is parsed. `maxBytes` is counted in UTF-16 units, never less than bytes / 3. */
export function parseJson(text: string, maxBytes: number): Decoded<unknown> {
  if (text.length > maxBytes) return undecodable("too_large", `JSON is larger than ${maxBytes} bytes`);
  if (!depthOk(text)) return undecodable("too_large", `JSON is nested deeper than ${limits.jsonDepth} levels`);
  try {
    return decoded(JSON.parse(text) as unknown);
  } catch {
    return undecodable("invalid_argument", "not JSON");
  }
}
