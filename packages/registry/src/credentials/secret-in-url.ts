import { apiKeyPattern, ParleyError } from "@parley/protocol";

/** What others call a credential in a query (RFC 6750 section 2.3 and its kin). */
const names: ReadonlySet<string> = new Set(["access_token", "token", "api_key", "apikey", "key", "authorization"]);
/** A JSON Web Token, or a door token. */
const forms = [apiKeyPattern, /\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+/, /\bpdt_[A-Za-z0-9_-]{11}\./];

/**
 * Refuses a request whose address carries a credential, good or not, whatever its header says: histories, proxies and logs
 * keep addresses. Throws `invalid_argument`, which does not repeat it.
 */
export function refuseSecretInUrl(url: string): void {
  const at = url.indexOf("?");
  const query = new URLSearchParams(at === -1 ? "" : url.slice(at + 1));
  const isNamed = [...query.keys()].some((name) => names.has(name.toLowerCase()));
  if (!isNamed && !forms.some((form) => form.test(url))) return;
  throw new ParleyError("invalid_argument", {
    message:
      "An address is no place for a credential. Send it as `authorization: Bearer …`, and replace this one: addresses are logged.",
  });
}
