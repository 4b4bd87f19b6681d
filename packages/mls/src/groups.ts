import {
  type EncodedGroup,
  type GroupChange,
  type GroupCrypto,
  type GroupDevice,
  type GroupDeviceKey,
  type GroupState,
  type NewCommit,
  type OpenedMessage,
  type OwnKeyPackage,
  type ProcessedCommit,
  type SealedMessage,
  type Signer,
  type WelcomedState,
} from "@parley/core";
import { createGroup } from "ts-mls/clientState.js";

import { openMessage, sealMessage } from "./application.ts";
import { makeCommit, processCommit } from "./commit.ts";
import { decodeState, encodeState } from "./encoding.ts";
import { groupInfoOf } from "./group-info.ts";
import { HeldState } from "./held-state.ts";
import { joinByCommit } from "./join-by-commit.ts";
import { joinByWelcome } from "./join-by-welcome.ts";
import { type KeyPackageOwner, newKeyPackage, readKeyPackage, writeKeyPackage } from "./key-package.ts";
import { bytesOfId } from "./leaf-credential.ts";
import { LeafTrust } from "./leaf-trust.ts";
import { loadSuite } from "./suite.ts";

export interface MlsGroupsOptions {
  readonly mesh: string;
  readonly member: string;
  readonly device: Signer;
  /** Keys of the devices of others and of this one. */
  readonly deviceKey: GroupDeviceKey;
}

/** The port on ts-mls, with MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519 through WebCrypto. Runs in Node and the browser. */
export class MlsGroups implements GroupCrypto {
  readonly #owner: KeyPackageOwner;
  readonly #trust: LeafTrust;

  constructor({ mesh, member, device, deviceKey }: MlsGroupsOptions) {
    this.#owner = { mesh, member, device };
    this.#trust = new LeafTrust(mesh, deviceKey);
  }

  async makeKeyPackage(): Promise<OwnKeyPackage> {
    return writeKeyPackage(await newKeyPackage(this.#owner));
  }

  async readKeyPackage(keyPackage: Uint8Array): Promise<GroupDevice> {
    return (await readKeyPackage(keyPackage, this.#trust)).device;
  }

  async createGroup(group: string): Promise<GroupState> {
    const id = bytesOfId(group);
    const { publicPackage, privatePackage } = await newKeyPackage(this.#owner);
    const made = await createGroup(id, publicPackage, privatePackage, [], await loadSuite());
    return HeldState.first(made);
  }

  groupInfo(state: GroupState): Promise<Uint8Array<ArrayBuffer>> {
    return groupInfoOf(HeldState.of(state).toLibrary(this.#trust.service("follow")));
  }

  async commit(state: GroupState, change: GroupChange = {}, authenticated = new Uint8Array()): Promise<NewCommit> {
    return makeCommit(HeldState.of(state), change, authenticated, this.#trust);
  }

  async processCommit(state: GroupState, commit: Uint8Array): Promise<ProcessedCommit> {
    return processCommit(HeldState.of(state), commit, this.#trust);
  }

  async joinByWelcome(welcome: Uint8Array, kept: readonly Uint8Array[]): Promise<WelcomedState> {
    return joinByWelcome(welcome, kept, this.#trust);
  }

  async joinByCommit(groupInfo: Uint8Array): Promise<NewCommit> {
    return joinByCommit(groupInfo, this.#owner, this.#trust);
  }

  async seal(state: GroupState, content: Uint8Array, authenticated = new Uint8Array()): Promise<SealedMessage> {
    return sealMessage(HeldState.of(state), content, authenticated);
  }

  async open(state: GroupState, message: Uint8Array): Promise<OpenedMessage> {
    return openMessage(HeldState.of(state), message);
  }

  received(state: GroupState, opened: GroupState): GroupState {
    return HeldState.of(state).received(HeldState.of(opened));
  }

  encode(state: GroupState): EncodedGroup {
    return encodeState(HeldState.of(state));
  }

  decode(encoded: Pick<EncodedGroup, "base" | "ratchets">): GroupState {
    return decodeState(encoded);
  }
}
