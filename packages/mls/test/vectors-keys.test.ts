import { type CiphersuiteImpl, mlsExporter } from "ts-mls";
import { determineLength } from "ts-mls/codec/variableLength.js";
import { refhash } from "ts-mls/crypto/hash.js";
import { decryptWithLabel } from "ts-mls/crypto/hpke.js";
import { deriveSecret, deriveTreeSecret, expandWithLabel } from "ts-mls/crypto/kdf.js";
import { signWithLabel, verifyWithLabel } from "ts-mls/crypto/signature.js";
import { encodeGroupContext } from "ts-mls/groupContext.js";
import { initializeEpoch } from "ts-mls/keySchedule.js";
import { updatePskSecret } from "ts-mls/presharedkey.js";
import { createSecretTree, deriveKey, deriveNonce, ratchetUntil } from "ts-mls/secretTree.js";
import { expandSenderDataKey, expandSenderDataNonce } from "ts-mls/sender.js";
import { left, nodeWidth, parent, right, root, sibling, toNodeIndex } from "ts-mls/treemath.js";
import { beforeAll, describe, expect, it } from "vitest";

import { loadSuite, suiteName } from "../src/suite.ts";
import { fromHex, leftOut, toHex, vectors } from "./vectors.ts";

interface Labelled {
  readonly label: string;
  readonly out: string;
  readonly secret: string;
}

interface CryptoBasics {
  readonly derive_secret: Labelled;
  readonly derive_tree_secret: Labelled & { readonly generation: number; readonly length: number };
  readonly expand_with_label: Labelled & { readonly context: string; readonly length: number };
  readonly ref_hash: { readonly label: string; readonly out: string; readonly value: string };
  readonly sign_with_label: Readonly<Record<"content" | "label" | "priv" | "pub" | "signature", string>>;
  readonly encrypt_with_label: Readonly<
    Record<"ciphertext" | "context" | "kem_output" | "label" | "plaintext" | "priv", string>
  >;
}

interface KeySchedule {
  readonly group_id: string;
  readonly initial_init_secret: string;
  readonly epochs: readonly (Readonly<Record<string, string>> & {
    readonly exporter: {
      readonly context: string;
      readonly label: string;
      readonly length: number;
      readonly secret: string;
    };
  })[];
}

interface Generation {
  readonly generation: number;
  readonly application_key: string;
  readonly application_nonce: string;
  readonly handshake_key: string;
  readonly handshake_nonce: string;
}

interface SecretTreeVector {
  readonly encryption_secret: string;
  readonly sender_data: Readonly<Record<"ciphertext" | "key" | "nonce" | "sender_data_secret", string>>;
  readonly leaves: readonly (readonly Generation[])[];
}

interface PskVector {
  readonly psks: readonly Readonly<Record<"psk" | "psk_id" | "psk_nonce", string>>[];
  readonly psk_secret: string;
}

interface TreeMath {
  readonly n_leaves: number;
  readonly n_nodes: number;
  readonly root: number;
  readonly left: readonly (number | null)[];
  readonly right: readonly (number | null)[];
  readonly parent: readonly (number | null)[];
  readonly sibling: readonly (number | null)[];
}

const orNull = (work: () => number): number | null => {
  try {
    return work();
  } catch {
    return null;
  }
};

describe("the keys of our suite", () => {
  let suite: CiphersuiteImpl;

  beforeAll(async () => {
    suite = await loadSuite();
  });

  it("are judged by the vectors of RFC 9420 where they are, and say so where they are not", () => {
    if (leftOut !== "") process.stderr.write(`${leftOut}\n`);
    expect(leftOut === "" ? vectors("crypto-basics").length : 1).toBe(1);
  });

  it("are derived, expanded and hashed by label (crypto-basics)", async () => {
    for (const { derive_secret, derive_tree_secret, expand_with_label, ref_hash } of vectors(
      "crypto-basics",
    ) as readonly CryptoBasics[]) {
      const { generation, length } = derive_tree_secret;
      const made = [
        await deriveSecret(fromHex(derive_secret.secret), derive_secret.label, suite.kdf),
        await deriveTreeSecret(
          fromHex(derive_tree_secret.secret),
          derive_tree_secret.label,
          generation,
          length,
          suite.kdf,
        ),
        await expandWithLabel(
          fromHex(expand_with_label.secret),
          expand_with_label.label,
          fromHex(expand_with_label.context),
          expand_with_label.length,
          suite.kdf,
        ),
        await refhash(ref_hash.label, fromHex(ref_hash.value), suite.hash),
      ];
      expect(made.map(toHex)).toEqual([derive_secret.out, derive_tree_secret.out, expand_with_label.out, ref_hash.out]);
    }
  });

  it("sign, verify and open by label (crypto-basics)", async () => {
    for (const { sign_with_label: signed, encrypt_with_label: sealed } of vectors(
      "crypto-basics",
    ) as readonly CryptoBasics[]) {
      const [publicKey, content] = [fromHex(signed.pub), fromHex(signed.content)];
      const own = await signWithLabel(fromHex(signed.priv), signed.label, content, suite.signature);
      for (const signature of [own, fromHex(signed.signature)])
        expect(await verifyWithLabel(publicKey, signed.label, content, signature, suite.signature)).toBe(true);
      const opened = await decryptWithLabel(
        await suite.hpke.importPrivateKey(fromHex(sealed.priv)),
        sealed.label,
        fromHex(sealed.context),
        fromHex(sealed.kem_output),
        fromHex(sealed.ciphertext),
        suite.hpke,
      );
      expect(toHex(opened)).toBe(sealed.plaintext);
    }
  });

  it("follow each other from epoch to epoch (key-schedule)", async () => {
    for (const { group_id, initial_init_secret, epochs } of vectors("key-schedule") as readonly KeySchedule[]) {
      let initSecret = fromHex(initial_init_secret) as Uint8Array;
      for (const [number, { exporter, ...fields }] of epochs.entries()) {
        const field = (name: string): Uint8Array => fromHex(String(fields[name]));
        const context = {
          version: "mls10" as const,
          cipherSuite: suiteName,
          groupId: fromHex(group_id),
          epoch: BigInt(number),
          treeHash: field("tree_hash"),
          confirmedTranscriptHash: field("confirmed_transcript_hash"),
          extensions: [],
        };
        const made = await initializeEpoch(initSecret, field("commit_secret"), context, field("psk_secret"), suite.kdf);
        const { keySchedule } = made;
        const external = await suite.hpke.deriveKeyPair(keySchedule.externalSecret);
        const exported = [exporter.label, fromHex(exporter.context), exporter.length, suite] as const;
        expect({
          group_context: toHex(encodeGroupContext(context)),
          joiner_secret: toHex(made.joinerSecret),
          welcome_secret: toHex(made.welcomeSecret),
          encryption_secret: toHex(made.encryptionSecret),
          init_secret: toHex(keySchedule.initSecret),
          sender_data_secret: toHex(keySchedule.senderDataSecret),
          exporter_secret: toHex(keySchedule.exporterSecret),
          external_secret: toHex(keySchedule.externalSecret),
          confirmation_key: toHex(keySchedule.confirmationKey),
          membership_key: toHex(keySchedule.membershipKey),
          resumption_psk: toHex(keySchedule.resumptionPsk),
          epoch_authenticator: toHex(keySchedule.epochAuthenticator),
          external_pub: toHex(await suite.hpke.exportPublicKey(external.publicKey)),
          exported: toHex(await mlsExporter(keySchedule.exporterSecret, ...exported)),
          commit_secret: fields["commit_secret"],
          psk_secret: fields["psk_secret"],
          tree_hash: fields["tree_hash"],
          confirmed_transcript_hash: fields["confirmed_transcript_hash"],
        }).toEqual({ ...fields, exported: exporter.secret });
        ({ initSecret } = keySchedule);
      }
    }
  });

  it("come out of the secret tree (secret-tree)", async () => {
    const retention = { retainKeysForGenerations: 1, retainKeysForEpochs: 1, maximumForwardRatchetSteps: 1000 };
    for (const { encryption_secret, sender_data, leaves } of vectors("secret-tree") as readonly SecretTreeVector[]) {
      const [secret, ciphertext] = [fromHex(sender_data.sender_data_secret), fromHex(sender_data.ciphertext)];
      expect(toHex(await expandSenderDataKey(suite, secret, ciphertext))).toBe(sender_data.key);
      expect(toHex(await expandSenderDataNonce(suite, secret, ciphertext))).toBe(sender_data.nonce);
      const tree = await createSecretTree(leaves.length, fromHex(encryption_secret), suite.kdf);
      for (const [leafIndex, generations] of leaves.entries()) {
        const node = tree[leafIndex * 2];
        if (node === undefined) throw new Error("a leaf has no ratchets");
        for (const { generation, ...keys } of generations) {
          const [application] = await ratchetUntil(node.application, generation, retention, suite.kdf);
          const [handshake] = await ratchetUntil(node.handshake, generation, retention, suite.kdf);
          expect({
            application_key: toHex(await deriveKey(application.secret, generation, suite)),
            application_nonce: toHex(await deriveNonce(application.secret, generation, suite)),
            handshake_key: toHex(await deriveKey(handshake.secret, generation, suite)),
            handshake_nonce: toHex(await deriveNonce(handshake.secret, generation, suite)),
          }).toEqual(keys);
        }
      }
    }
  });

  it("take in secrets that were shared before (psk_secret)", async () => {
    for (const { psks, psk_secret } of vectors("psk_secret") as readonly PskVector[]) {
      let secret: Uint8Array = new Uint8Array(suite.kdf.size);
      for (const [index, { psk, psk_id, psk_nonce }] of psks.entries()) {
        const id = { psktype: "external", pskId: fromHex(psk_id), pskNonce: fromHex(psk_nonce) } as const;
        secret = await updatePskSecret(secret, id, fromHex(psk), index, psks.length, suite);
      }
      expect(toHex(secret)).toBe(psk_secret);
    }
  });
});

describe("the forms of the library", () => {
  it("read lengths (deserialization)", () => {
    for (const { vlbytes_header, length } of vectors("deserialization") as readonly {
      vlbytes_header: string;
      length: number;
    }[])
      expect(determineLength(fromHex(vlbytes_header)).length).toBe(length);
  });

  it("find their way in a tree (tree-math)", () => {
    for (const vector of vectors("tree-math") as readonly TreeMath[]) {
      const nodes = Array.from({ length: vector.n_nodes }, (_, index) => toNodeIndex(index));
      const each = (step: (index: (typeof nodes)[number]) => number): readonly (number | null)[] =>
        nodes.map((index) => orNull(() => step(index)));
      expect({
        n_leaves: vector.n_leaves,
        n_nodes: nodeWidth(vector.n_leaves),
        root: root(vector.n_leaves),
        left: each(left),
        right: each(right),
        parent: each((index) => parent(index, vector.n_leaves)),
        sibling: each((index) => sibling(index, vector.n_leaves)),
      }).toEqual(vector);
    }
  });
});
