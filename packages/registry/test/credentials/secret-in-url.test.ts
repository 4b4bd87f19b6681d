import { toParleyError } from "@parley/protocol";
import { describe, expect, it } from "vitest";

import { refuseSecretInUrl } from "../../src/credentials/secret-in-url.ts";

function outcome(url: string): string {
  try {
    refuseSecretInUrl(url);
    return "taken";
  } catch (error) {
    return toParleyError(error).code;
  }
}

const key = `pak_${"a".repeat(12)}_${"b".repeat(38)}`;
const token = `${btoa('{"alg":"EdDSA"}')}.e30.AAAA`;

describe("an address with a credential", () => {
  it.each([
    `/v1/members?access_token=x`,
    `/v1/members?ACCESS_TOKEN=x`,
    `/v1/members?limit=1&api_key=`,
    `/v1/members?text=${key}`,
    `/v1/members/${key}`,
    `/${key}?limit=1`,
    `/v1/members?text=${token}`,
    `/v1/members/${token}`,
    `/chat?x=pdt_${"a".repeat(11)}.b`,
    `//?token`,
  ])("is refused: %s", (url) => {
    expect(outcome(url)).toBe("invalid_argument");
  });

  it.each([
    "/",
    "/v1/members?limit=1",
    "/pairings/AAAAAAAAAAAAAAAAAAAAAA?wait=20",
    "/blobs/ab?expires=1",
    "/v1/members?text=key",
    "/v1/members/pak_short",
    "?",
    "",
  ])("is not %j", (url) => {
    expect(outcome(url)).toBe("taken");
  });
});
