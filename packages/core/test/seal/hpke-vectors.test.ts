import { Aes128Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from "@hpke/core";
import { describe, expect, it } from "vitest";

import { fromHex, suite, x25519Pair } from "./fixed-seal.ts";

const info = fromHex("4f6465206f6e2061204772656369616e2055726e");

describe("the HPKE library", () => {
  it("exports what RFC 9180 appendix A.1.1 says (X25519, HKDF-SHA256)", async () => {
    const aes128 = new CipherSuite({ kem: new DhkemX25519HkdfSha256(), kdf: new HkdfSha256(), aead: new Aes128Gcm() });
    const recipientKey = await x25519Pair(fromHex("4612c550263fc8ad58375df3f557aac531d26850903e55a9f23f21d8534e8ac8"));
    const enc = fromHex("37fda3567bdbd628e88668c3c8d7e97d1d1253b6d4ea6d44c150f741f1bf4431");
    const recipient = await aes128.createRecipientContext({ recipientKey, enc, info });
    const exported = await Promise.all(
      ["", "00", "54657374436f6e74657874"].map((context) => recipient.export(fromHex(context), 32)),
    );
    expect(exported.map((value) => Buffer.from(value).toString("hex"))).toEqual([
      "3853fe2b4035195a573ffc53856e77058e15d9ea064de3e59f4961d0095250ee",
      "2e8f0b54673c7029649d4eb9d5e33bf1872cf76d623ff164ac185da9e88c21a5",
      "e9e43065102c3836401bed8c3c3c75ae46be1639869391d62c61f1ec7af54931",
    ]);
  });

  it("seals with suite 1 (X25519, HKDF-SHA256, AES-256-GCM) what the published vector for it says", async () => {
    const recipientPublicKey = await suite.kem.deserializePublicKey(
      fromHex("ac66bae9ffa270cf4a89ed9f274e30c0456babae2572aaaf002ff0d8884ab018"),
    );
    const ekm = await x25519Pair(fromHex("28e212563a8b6f068af7ff17400ff1baf23612b7a738bbaf5dfb321b2b5b431a"));
    const sender = await suite.createSenderContext({ recipientPublicKey, info, ekm });
    const sealed = await sender.seal(
      fromHex("4265617574792069732074727574682c20747275746820626561757479"),
      fromHex("436f756e742d30"),
    );
    expect(Buffer.from(sealed).toString("hex")).toBe(
      "23ded2d5d90ea89d975dac4792b297240f194952d7421aacbff0474100052b6bb8aa58d18ef6c42b6960e2e28f",
    );
  });
});
