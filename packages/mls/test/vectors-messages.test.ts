import {
  acceptAll,
  bytesToBase64,
  type CiphersuiteImpl,
  type ClientState,
  decodeMlsMessage,
  encodeMlsMessage,
  joinGroup,
  makePskIndex,
  type MLSMessage,
  processPrivateMessage,
  processPublicMessage,
} from "ts-mls";
import { decodeAuthenticatedContent } from "ts-mls/authenticatedContent.js";
import { decodeCommit, encodeCommit } from "ts-mls/commit.js";
import { verifyConfirmationTag } from "ts-mls/framedContent.js";
import { verifyGroupInfoConfirmationTag, verifyGroupInfoSignature } from "ts-mls/groupInfo.js";
import { decodeGroupSecrets, encodeGroupSecrets } from "ts-mls/groupSecrets.js";
import { makeKeyPackageRef } from "ts-mls/keyPackage.js";
import { unprotectPrivateMessage } from "ts-mls/messageProtection.js";
import { unprotectPublicMessage } from "ts-mls/messageProtectionPublic.js";
import * as proposals from "ts-mls/proposal.js";
import { decodeRatchetTree, encodeRatchetTree } from "ts-mls/ratchetTree.js";
import { createSecretTree } from "ts-mls/secretTree.js";
import { createConfirmedHash, createInterimHash } from "ts-mls/transcriptHash.js";
import { decryptGroupInfo, decryptGroupSecrets } from "ts-mls/welcome.js";
import { beforeAll, describe, expect, it } from "vitest";

import { loadSuite, suiteName } from "../src/suite.ts";
import { decodedBy, fromHex, toHex, vectors } from "./vectors.ts";

type Hex = Readonly<Record<string, string>>;

interface Passive {
  readonly external_psks: readonly { readonly psk_id: string; readonly psk: string }[];
  readonly key_package: string;
  readonly signature_priv: string;
  readonly encryption_priv: string;
  readonly init_priv: string;
  readonly welcome: string;
  readonly ratchet_tree: string | null;
  readonly initial_epoch_authenticator: string;
  readonly epochs: readonly {
    readonly proposals: readonly string[];
    readonly commit: string;
    readonly epoch_authenticator: string;
  }[];
}

function messageOf<Format extends MLSMessage["wireformat"]>(
  format: Format,
  hex: string,
): Extract<MLSMessage, { wireformat: Format }> {
  const message = decodedBy(decodeMlsMessage, hex);
  if (message.wireformat !== format) throw new Error(`a vector is not of format ${format}`);
  return message as Extract<MLSMessage, { wireformat: Format }>;
}

describe("the messages of our suite", () => {
  let suite: CiphersuiteImpl;

  beforeAll(async () => {
    suite = await loadSuite();
  });

  it("are written as they were read (messages)", () => {
    const again = (name: string, hex: string): string => {
      if (name.startsWith("mls_") || name.startsWith("public_") || name.startsWith("private_"))
        return toHex(encodeMlsMessage(decodedBy(decodeMlsMessage, hex)));
      const forms: Readonly<Record<string, () => Uint8Array>> = {
        ratchet_tree: () => encodeRatchetTree(decodedBy(decodeRatchetTree, hex)),
        group_secrets: () => encodeGroupSecrets(decodedBy(decodeGroupSecrets, hex)),
        commit: () => encodeCommit(decodedBy(decodeCommit, hex)),
        add_proposal: () => proposals.encodeAdd(decodedBy(proposals.decodeAdd, hex)),
        update_proposal: () => proposals.encodeUpdate(decodedBy(proposals.decodeUpdate, hex)),
        remove_proposal: () => proposals.encodeRemove(decodedBy(proposals.decodeRemove, hex)),
        pre_shared_key_proposal: () => proposals.encodePSK(decodedBy(proposals.decodePSK, hex)),
        re_init_proposal: () => proposals.encodeReinit(decodedBy(proposals.decodeReinit, hex)),
        external_init_proposal: () => proposals.encodeExternalInit(decodedBy(proposals.decodeExternalInit, hex)),
        group_context_extensions_proposal: () =>
          proposals.encodeGroupContextExtensions(decodedBy(proposals.decodeGroupContextExtensions, hex)),
      };
      const form = forms[name];
      return form === undefined ? `no form for ${name}` : toHex(form());
    };
    for (const vector of vectors("messages") as readonly Hex[])
      for (const [name, hex] of Object.entries(vector)) expect(again(name, hex)).toBe(hex);
  });

  it("are protected and opened (message-protection)", async () => {
    const retention = { retainKeysForGenerations: 4, retainKeysForEpochs: 1, maximumForwardRatchetSteps: 100 };
    for (const vector of vectors("message-protection") as readonly (Hex & { readonly epoch: string })[]) {
      const field = (name: string): Uint8Array => fromHex(vector[name] ?? "");
      const context = {
        version: "mls10" as const,
        cipherSuite: suiteName,
        groupId: field("group_id"),
        epoch: BigInt(vector.epoch),
        treeHash: field("tree_hash"),
        confirmedTranscriptHash: field("confirmed_transcript_hash"),
        extensions: [],
      };
      const secrets = await createSecretTree(2, field("encryption_secret"), suite.kdf);
      const signer = field("signature_pub");
      const opened = async (name: string) => {
        const { privateMessage } = messageOf("mls_private_message", vector[name] ?? "");
        const senderData = field("sender_data_secret");
        return unprotectPrivateMessage(senderData, privateMessage, secrets, [], context, retention, suite, signer);
      };
      const verified = async (name: string) => {
        const { publicMessage } = messageOf("mls_public_message", vector[name] ?? "");
        return unprotectPublicMessage(field("membership_key"), context, [], publicMessage, suite, signer);
      };
      expect((await opened("application_priv")).content.content).toMatchObject({
        applicationData: field("application"),
      });
      for (const { content } of [(await opened("proposal_priv")).content, await verified("proposal_pub")])
        expect(content.contentType === "proposal" && toHex(proposals.encodeProposal(content.proposal))).toBe(
          vector["proposal"],
        );
      for (const { content } of [(await opened("commit_priv")).content, await verified("commit_pub")])
        expect(content.contentType === "commit" && toHex(encodeCommit(content.commit))).toBe(vector["commit"]);
    }
  });

  it("are hashed into the transcript (transcript-hashes)", async () => {
    for (const vector of vectors("transcript-hashes") as readonly Hex[]) {
      const field = (name: string): Uint8Array => fromHex(vector[name] ?? "");
      const { wireformat, content, auth } = decodedBy(
        decodeAuthenticatedContent,
        vector["authenticated_content"] ?? "",
      );
      if (content.contentType !== "commit" || auth.contentType !== "commit") throw new Error("a vector is no commit");
      const { signature, confirmationTag } = auth;
      const before = field("interim_transcript_hash_before");
      const confirmed = await createConfirmedHash(before, { wireformat, content, signature }, suite.hash);
      expect(toHex(confirmed)).toBe(vector["confirmed_transcript_hash_after"]);
      expect(await verifyConfirmationTag(field("confirmation_key"), confirmationTag, confirmed, suite.hash)).toBe(true);
      const interim = await createInterimHash(confirmed, confirmationTag, suite.hash);
      expect(toHex(interim)).toBe(vector["interim_transcript_hash_after"]);
    }
  });

  it("welcome newcomers (welcome)", async () => {
    for (const vector of vectors("welcome") as readonly Hex[]) {
      const { keyPackage } = messageOf("mls_key_package", vector["key_package"] ?? "");
      const { welcome } = messageOf("mls_welcome", vector["welcome"] ?? "");
      const reference = await makeKeyPackageRef(keyPackage, suite.hash);
      const initKey = await suite.hpke.importPrivateKey(fromHex(vector["init_priv"] ?? ""));
      const secrets = await decryptGroupSecrets(initKey, reference, welcome, suite.hpke);
      const noPsk = new Uint8Array(suite.kdf.size);
      const joiner = secrets?.joinerSecret ?? new Uint8Array();
      const info = await decryptGroupInfo(welcome, joiner, noPsk, suite);
      if (info === undefined) throw new Error("a vector's GroupInfo does not decode");
      expect(await verifyGroupInfoSignature(info, fromHex(vector["signer_pub"] ?? ""), suite.signature)).toBe(true);
      expect(await verifyGroupInfoConfirmationTag(info, joiner, noPsk, suite)).toBe(true);
    }
  });

  async function joined(vector: Passive): Promise<ClientState> {
    const { keyPackage } = messageOf("mls_key_package", vector.key_package);
    const { welcome } = messageOf("mls_welcome", vector.welcome);
    const keys = {
      initPrivateKey: fromHex(vector.init_priv),
      hpkePrivateKey: fromHex(vector.encryption_priv),
      signaturePrivateKey: fromHex(vector.signature_priv),
    };
    const tree = vector.ratchet_tree === null ? undefined : decodedBy(decodeRatchetTree, vector.ratchet_tree);
    return joinGroup(welcome, keyPackage, keys, makePskIndex(undefined, psksOf(vector)), suite, tree);
  }

  const psksOf = ({ external_psks }: Passive): Record<string, Uint8Array> =>
    Object.fromEntries(external_psks.map(({ psk_id, psk }) => [bytesToBase64(fromHex(psk_id)), fromHex(psk)]));

  async function processed(state: ClientState, hex: string, vector: Passive): Promise<ClientState> {
    const message = decodedBy(decodeMlsMessage, hex);
    const psks = makePskIndex(state, psksOf(vector));
    if (message.wireformat === "mls_public_message")
      return (await processPublicMessage(state, message.publicMessage, psks, suite, acceptAll)).newState;
    if (message.wireformat !== "mls_private_message") throw new Error("a vector is no handshake message");
    return (await processPrivateMessage(state, message.privateMessage, psks, suite, acceptAll)).newState;
  }

  it.each(["passive-client-welcome", "passive-client-handling-commit", "passive-client-random"])(
    "are followed by a device that only reads (%s)",
    async (name) => {
      for (const vector of vectors(name) as readonly Passive[]) {
        let state = await joined(vector);
        expect(toHex(state.keySchedule.epochAuthenticator)).toBe(vector.initial_epoch_authenticator);
        for (const epoch of vector.epochs) {
          for (const hex of [...epoch.proposals, epoch.commit]) state = await processed(state, hex, vector);
          expect(toHex(state.keySchedule.epochAuthenticator)).toBe(epoch.epoch_authenticator);
        }
      }
    },
    60_000,
  );
});
