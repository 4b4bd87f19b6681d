import { importEncryptionKey, sha256, signBytes } from "@parley/core";
import { encodeRoutedHeader, joinRoutedFrame, type RoutedHeader } from "@parley/protocol";

import { coveredBytes, fixedFrameKey, sealContent, x25519Pair } from "../../packages/core/test/seal/fixed-seal.ts";
import { fixedId, fixedKey, type FixedSigners, hexOf, seedOf } from "./identities.ts";

/** Sealed frames with every secret, so that another implementation can check each step. */
export async function sealedFrameVectors(signers: FixedSigners): Promise<object> {
  const mesh = await sha256("the mesh of the sealed vectors");
  const between = { mesh, fromMember: signers.member.id, fromDevice: signers.device.id, toMember: signers.second.id };
  const { kid, publicKey } = await importEncryptionKey(fixedKey("x25519", seedOf(40)));
  const recipient = await x25519Pair(seedOf(40));
  const ephemeral = await x25519Pair(seedOf(41));
  const { encapsulated, key } = await fixedFrameKey({ ...between, recipient, ephemeral });
  const seal = async (name: string, change: Partial<RoutedHeader>): Promise<object> => {
    const counter = change.counter ?? 1;
    const header = encodeRoutedHeader({
      ...between,
      store: false,
      suite: 1,
      toDevice: fixedId(32, 42),
      frameId: fixedId(16, 43),
      expires: 0,
      keyId: kid,
      bootNonce: fixedId(16, 44),
      encapsulated,
      counter,
      ...change,
    });
    const content = new TextEncoder().encode(name);
    const sealed = await sealContent(key, counter, header, content);
    const covered = await coveredBytes(mesh, header, sealed);
    const frame = joinRoutedFrame(header, await signBytes(signers.device, covered), sealed);
    return { name, counter, content: hexOf(content), signed: hexOf(covered), hex: hexOf(frame) };
  };
  return {
    ...between,
    signer: { seed: signers.device.seed, publicKey: signers.device.publicKey },
    recipient: { seed: hexOf(seedOf(40)), publicKey, kid },
    ephemeral: { seed: hexOf(seedOf(41)) },
    info: `parley seal v1:${mesh}:${between.fromMember}:${between.fromDevice}:${between.toMember}`,
    exporterContext: "parley frame key v1",
    encapsulated: hexOf(encapsulated),
    frameKey: hexOf(key),
    frames: [
      await seal("for one start of one device", {}),
      await seal("the second frame of the context", { counter: 2 }),
      await seal("for the mailbox of a member", { store: true, toDevice: undefined, bootNonce: undefined, counter: 3 }),
    ],
  };
}
