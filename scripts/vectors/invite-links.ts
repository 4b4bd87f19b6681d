import { formatInviteLink, type InvitePayload, toBase64url } from "@parley/protocol";

import { fixedId } from "./identities.ts";

const claim = { v: 1, kind: "claim", secret: fixedId(16, 1), node: fixedId(32, 2) } as const satisfies InvitePayload;
const invite = { v: 1, kind: "invite", secret: fixedId(16, 1), mesh: fixedId(32, 2), operators: { number: 1, hash: fixedId(32, 3) } } as const satisfies InvitePayload;

const raw = (payload: unknown): string => `http://127.0.0.1:8080/join#${toBase64url(new TextEncoder().encode(JSON.stringify(payload)))}`;

/** Links and what they hold. */
export function inviteLinkVectors(): object {
  return {
    valid: [
      { registry: "http://127.0.0.1:8080", payload: claim },
      { registry: "https://mesh.example", payload: invite },
    ].map((link) => ({ link: formatInviteLink(link), ...link })),
    invalid: [
      { name: "no fragment", link: "http://127.0.0.1:8080/join" },
      { name: "another path", link: raw(claim).replace("/join", "/other") },
      { name: "another scheme", link: raw(claim).replace("http:", "ftp:") },
      { name: "unknown version", link: raw({ ...claim, v: 2 }) },
      { name: "unknown kind", link: raw({ ...claim, kind: "other" }) },
      { name: "unknown field", link: raw({ ...claim, extra: 1 }) },
      { name: "operator set 0", link: raw({ ...invite, operators: { ...invite.operators, number: 0 } }) },
      { name: "short secret", link: raw({ ...claim, secret: "AAAA" }) },
      { name: "not base64url", link: `${raw(claim)}!` },
    ].map((vector) => ({ ...vector, code: "invalid_link" })),
  };
}
