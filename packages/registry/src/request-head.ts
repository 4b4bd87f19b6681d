import type { IncomingMessage } from "node:http";

import { limits, ParleyError } from "@parley/protocol";

/**
 * Refuses what Node's parser lets through and two readers may understand in two ways (RFC 9112 sections 3.2 and 11.2), and
 * compressed bodies, whose size nobody knows before they are unpacked. Throws the coded error of the answer.
 */
export function checkHead({ url = "", headers, rawHeaders }: IncomingMessage): void {
  const names = rawHeaders.filter((_, index) => index % 2 === 0);
  if (names.length > limits.headers)
    throw new ParleyError("headers_too_large", { message: `A request has at most ${limits.headers} header fields.` });
  if (names.filter((name) => name.toLowerCase() === "host").length !== 1)
    throw new ParleyError("invalid_argument", { message: "A request names one host." });
  if (!url.startsWith("/"))
    throw new ParleyError("invalid_argument", { message: "A request names a path, not a whole address." });
  if ((headers["content-encoding"] ?? "identity").toLowerCase() !== "identity")
    throw new ParleyError("unsupported_encoding");
  if ((headers["transfer-encoding"] ?? "chunked").toLowerCase() !== "chunked")
    throw new ParleyError("unsupported_encoding", { message: "The only transfer-encoding is chunked." });
}
