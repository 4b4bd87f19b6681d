import { encodeRoutedHeader, joinRoutedFrame, type RoutedHeader } from "@parley/protocol";

import { randomId16 } from "./test-identity.ts";

/** The 32-byte id that this letter stands for, in base64url. */
export const testId = (letter: string): string => `${letter.repeat(42)}A`;

/**
 * A routed frame of valid form, with a signature that nobody made: from member `B`'s device `D` to the mailbox of `M`, never
 * expiring; `change` stands for fields of its own. The content is one byte unless given.
 */
export function testRoutedFrame(change: Partial<RoutedHeader> = {}, content = new Uint8Array(1)): Uint8Array {
  const header = encodeRoutedHeader({
    store: true,
    suite: 1,
    toMember: testId("M"),
    toDevice: undefined,
    fromMember: testId("B"),
    fromDevice: testId("D"),
    frameId: randomId16(),
    expires: 0,
    keyId: "AAAAAAAAAAA",
    bootNonce: undefined,
    encapsulated: new Uint8Array(32),
    counter: 0,
    ...change,
  });
  return joinRoutedFrame(header, new Uint8Array(64), content);
}
