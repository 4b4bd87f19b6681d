import {
  type CiphersuiteImpl,
  type ClientState,
  createApplicationMessage,
  createCommit,
  createGroup,
  createGroupInfoWithExternalPubAndRatchetTree,
  decodeMlsMessage,
  defaultLifetime,
  emptyPskIndex,
  encodeMlsMessage,
  generateKeyPackage,
  getCiphersuiteFromName,
  getCiphersuiteImpl,
  joinGroup,
  type MLSMessage,
  processMessage,
  type Proposal,
} from "ts-mls";

import { capabilities, suiteName } from "../src/suite.ts";
import { at } from "./at.ts";

/** The library by itself, as its documentation uses it: two members of a group whose others are not here. For the bench. */
export class BarePair {
  readonly #suite: CiphersuiteImpl;
  #committer: ClientState;
  #reader: ClientState;

  private constructor(suite: CiphersuiteImpl, committer: ClientState, reader: ClientState) {
    this.#suite = suite;
    this.#committer = committer;
    this.#reader = reader;
  }

  static async start(size: number): Promise<BarePair> {
    const suite = await getCiphersuiteImpl(getCiphersuiteFromName(suiteName));
    const members = await Promise.all(
      Array.from({ length: size }, (_, index) => {
        // As long as the identity of our credentials.
        const identity = new Uint8Array(129).fill(index);
        return generateKeyPackage({ credentialType: "basic", identity }, capabilities, defaultLifetime, [], suite);
      }),
    );
    const [first, second] = [at(members, 0), at(members, 1)];
    const alone = await createGroup(new Uint8Array(32), first.publicPackage, first.privatePackage, [], suite);
    const extraProposals = members
      .slice(1)
      .map(({ publicPackage }): Proposal => ({ proposalType: "add", add: { keyPackage: publicPackage } }));
    const options = { extraProposals, ratchetTreeExtension: true };
    const { newState, welcome } = await createCommit({ state: alone, cipherSuite: suite }, options);
    if (welcome === undefined) throw new Error("a commit that adds has no welcome");
    const { publicPackage, privatePackage } = second;
    const reader = await joinGroup(welcome, publicPackage, privatePackage, emptyPskIndex, suite);
    return new BarePair(suite, newState, reader);
  }

  async #take(bytes: Uint8Array): Promise<void> {
    const message = decodeMlsMessage(bytes, 0)?.[0];
    if (message?.wireformat !== "mls_private_message" && message?.wireformat !== "mls_public_message")
      throw new Error("the library does not read what it wrote");
    const { newState } = await processMessage(message, this.#reader, emptyPskIndex, () => "accept", this.#suite);
    this.#reader = newState;
  }

  /** Seals on one side and opens on the other. */
  async message(content: Uint8Array): Promise<void> {
    const { newState, privateMessage } = await createApplicationMessage(this.#committer, content, this.#suite);
    this.#committer = newState;
    const message: MLSMessage = { version: "mls10", wireformat: "mls_private_message", privateMessage };
    await this.#take(encodeMlsMessage(message));
  }

  /** Renews the committer's keys, with GroupInfo for those who join by themselves; ms of both sides. */
  async commit(): Promise<{ readonly making: number; readonly taking: number }> {
    const started = performance.now();
    const context = { state: this.#committer, cipherSuite: this.#suite };
    const { newState, commit } = await createCommit(context, { wireAsPublicMessage: true });
    const groupInfo = await createGroupInfoWithExternalPubAndRatchetTree(newState, [], this.#suite);
    encodeMlsMessage({ version: "mls10", wireformat: "mls_group_info", groupInfo });
    const bytes = encodeMlsMessage(commit);
    const made = performance.now();
    this.#committer = newState;
    await this.#take(bytes);
    return { making: made - started, taking: performance.now() - made };
  }
}
