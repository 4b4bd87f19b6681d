import { randomBytes } from "node:crypto";

/** How a text may lie in bytes that somebody else keeps. */
export type Writing = "plain" | "utf-16" | "hex" | "base64" | "base64url";

/** A text that is nowhere else, planted into one content, and every writing in which it could be found again. */
export class Marker {
  readonly text: string;
  readonly #writings: readonly (readonly [Writing, Buffer])[];

  /** `what` is the content that it stands for. */
  constructor(what: string, text = `${what}-${randomBytes(6).toString("hex")}`) {
    this.text = text;
    this.#writings = writingsOf(Buffer.from(text));
  }

  /** A secret of bytes, such as a key, that must not be found either. */
  static secret(bytes: Uint8Array): SecretMarker {
    return { in: (seen) => found(writingsOf(Buffer.from(bytes)), seen) };
  }

  /** The writings in which it is in these bytes. */
  in(bytes: Buffer): readonly Writing[] {
    return found(this.#writings, bytes);
  }
}

export type SecretMarker = Pick<Marker, "in">;

function found(writings: readonly (readonly [Writing, Buffer])[], bytes: Buffer): readonly Writing[] {
  return [...new Set(writings.filter(([, needle]) => bytes.includes(needle)).map(([writing]) => writing))];
}

function writingsOf(bytes: Buffer): readonly (readonly [Writing, Buffer])[] {
  const wide = Buffer.from(bytes.toString("latin1"), "utf16le");
  const hex = bytes.toString("hex");
  return [
    ["plain", bytes],
    ["utf-16", wide],
    ["utf-16", Buffer.from(wide).swap16()],
    ["hex", Buffer.from(hex)],
    ["hex", Buffer.from(hex.toUpperCase())],
    // The 3 places in a group of 3 bytes at which it may begin; what its neighbours have a part in is left out.
    ...[0, 1, 2].flatMap((shift) => {
      const groups = bytes.subarray((3 - shift) % 3);
      const whole = groups.subarray(0, groups.length - (groups.length % 3));
      return [
        ["base64", Buffer.from(whole.toString("base64"))] as const,
        ["base64url", Buffer.from(whole.toString("base64url"))] as const,
      ];
    }),
  ];
}
