import {
  formatInviteLink,
  type InvitePayload,
  isParleyError,
  limits,
  parseInviteLink,
  parsePairingCode,
  toBase64url,
} from "@parley/protocol";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";

const id16 = toBase64url(new Uint8Array(16).fill(1));
const id32 = toBase64url(new Uint8Array(32).fill(2));
const claim: InvitePayload = { v: 1, kind: "claim", secret: id16, node: id32 };
const invite: InvitePayload = { v: 1, kind: "invite", secret: id16, mesh: id32, operators: { number: 3, hash: id32 } };
const device: InvitePayload = { ...invite, kind: "device", member: id32 };
const registry = "http://127.0.0.1:8080";

const linkOf = (payload: unknown): string =>
  `${registry}/join#${toBase64url(new TextEncoder().encode(JSON.stringify(payload)))}`;
const refuses = (text: string): void =>
  expect(() => parseInviteLink(text)).toThrow(expect.objectContaining({ code: "invalid_link" }));

function codeOf(text: string): string {
  try {
    parseInviteLink(text);
    return "none";
  } catch (error) {
    return isParleyError(error) ? error.code : "uncoded";
  }
}

describe("an invite link", () => {
  it.each([claim, invite, device, { ...device, label: "phone" }])("reads back as it was made: $kind", (payload) => {
    expect(parseInviteLink(formatInviteLink({ registry, payload }))).toEqual({ registry, payload });
  });

  it("is read with the quotes and spaces that were copied along", () => {
    const text = formatInviteLink({ registry, payload: invite });
    for (const copied of [`'${text}'`, `${text}'`, ` "${text}" \n`, `<${text}>`])
      expect(parseInviteLink(copied)).toEqual(parseInviteLink(text));
  });

  it("keeps its secret in the fragment, which no request carries", () => {
    const url = new URL(formatInviteLink({ registry, payload: invite }));
    expect(url.href.replace(url.hash, "")).toBe(`${registry}/join`);
  });

  it.each([claim, invite, device])("needs each of its fields, of the right type: $kind", (payload) => {
    for (const field of Object.keys(payload)) {
      const { [field as "v"]: _, ...rest } = payload;
      refuses(linkOf(rest));
      for (const wrong of [null, 7.5, "", "x".repeat(100), [], {}]) refuses(linkOf({ ...payload, [field]: wrong }));
    }
    refuses(linkOf({ ...payload, extra: 1 }));
  });

  it.each([
    "",
    "hello",
    registry,
    `${registry}/join`,
    `${registry}/join#`,
    `${registry}/join#!!!`,
    `${registry}/other#${toBase64url(new Uint8Array(4))}`,
    `ftp://host/join#${toBase64url(new Uint8Array(4))}`,
    "javascript:alert(1)//join#AAAA",
    `${registry}/join#${toBase64url(new TextEncoder().encode("[".repeat(100)))}`,
    `${registry}/join#${toBase64url(new Uint8Array(limits.controlBytes + 1))}`,
  ])("is refused when it is something else (%#)", (text) => refuses(text));

  it("is read totally", () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (path, fragment) => {
        expect(codeOf(`${registry}/${path}#${fragment}`)).toMatch(/^(none|invalid_link)$/);
      }),
    );
  });
});

describe("a pairing code", () => {
  it("is six digits, however a person groups them", () => {
    for (const text of ["123456", "123 456", "12-34-56", " 123456 "]) expect(parsePairingCode(text)).toBe("123456");
  });

  it.each(["", "12345", "1234567", "12345a", "１２３４５６", "123456\u0000"])("is not %j", (text) => {
    expect(parsePairingCode(text)).toBeUndefined();
  });
});
