/**
 * Pairing: how a new member gets into a mesh, from its first look at the registry to a verified admission. Nothing the
 * registry says is believed unless the link pins it, a person compared the words, or an operator signed it.
 */
import {
  Backoff,
  type Clock,
  comparisonWords,
  deriveInviteKeys,
  idOfKey,
  MeshTrust,
  type Random,
  sha256,
  type Signer,
  signStatement,
  systemClock,
  systemRandom,
  verifyByOperator,
} from "@parley/core";
import {
  type Asks,
  type InviteLink,
  isParleyError,
  limits,
  type NodeInfo,
  ParleyError,
  type Role,
  toBase64url,
} from "@parley/protocol";

import { certifyDevice, type IdentityDraft } from "./identity-draft.ts";
import type { Identity } from "./identity.ts";
import { pause } from "./pause.ts";
import { callRoute, type RegistryHttpOptions } from "./registry-http.ts";

export interface PairingOptions extends RegistryHttpOptions {
  /** What to ask for besides coming in; an operator decides. */
  readonly asks?: Asks;
  /** Default: the platform's. */
  readonly clock?: Clock;
  readonly random?: Random;
}

/** A mesh that lets this member in. */
export interface JoinedMesh {
  readonly registry: string;
  readonly trust: MeshTrust;
  /** Under the name that the operator admitted. */
  readonly identity: Identity;
  /** The operator-signed statement. */
  readonly admission: string;
  readonly roles: readonly Role[];
}

/** A request to join that an operator has not answered yet. */
export interface PendingPairing {
  readonly registry: string;
  readonly trust: MeshTrust;
  readonly identity: Identity;
  /** Id of the request. */
  readonly pairing: string;
  /** Six words that the operator must see as well. */
  readonly words: string;
}

/** What became of a pairing. */
export type PairingOutcome =
  | { readonly state: "pending" }
  | { readonly state: "admitted"; readonly joined: JoinedMesh };

/** Life of the admissions and node certificates that the first operator signs. */
export const statementLifeMs = 365 * 86_400_000;
/** How long one question about a request to join waits at the registry, and how much longer here. */
export const longPollSeconds = 20;
export const waitSlackMs = 10_000;

/** What a registry says about itself; the node id is checked to be the hash of its key. */
export async function fetchNode(registry: string, options: RegistryHttpOptions = {}): Promise<NodeInfo> {
  const { body } = await callRoute(registry, "node", {}, options);
  if ((await idOfKey("node", body.key)) !== body.node) {
    throw new ParleyError("registry_key_mismatch", {
      message: `The registry at ${registry} names a node id that is not the hash of its key.`,
    });
  }
  return body;
}

/** Pairs with a link: claims a new mesh at once, or asks to be let into one. */
export async function pairWithLink(
  draft: IdentityDraft,
  link: InviteLink,
  options: PairingOptions = {},
): Promise<JoinedMesh | PendingPairing> {
  const { registry, payload } = link;
  if (payload.kind === "claim") return claimMesh(draft, link, options);
  if (payload.kind === "invite")
    return payload.approved === true
      ? pairGranted(draft, { registry, secret: payload.secret, expected: payload }, options)
      : requestPairing(draft, { registry, secret: payload.secret, expected: payload }, options);
  throw new ParleyError("invalid_link", {
    message: "This link is for one more device of a member; open it with `parley pair` in a new home folder.",
  });
}

/** Becomes the first operator of a new mesh: makes the genesis here, so that the registry never holds the operator's key. */
export async function claimMesh(
  draft: IdentityDraft,
  link: InviteLink,
  options: PairingOptions = {},
): Promise<JoinedMesh> {
  const { clock = systemClock, random = systemRandom } = options;
  const { registry, payload } = link;
  if (payload.kind !== "claim" || draft.root === undefined) throw new ParleyError("invalid_link");
  const node = await fetchNode(registry, options);
  if (node.node !== payload.node) {
    throw new ParleyError("registry_key_mismatch", {
      message: `The registry at ${registry} does not hold the key that the link names; it is not the one that printed the link.`,
    });
  }
  if (node.mesh !== undefined) throw new ParleyError("already_claimed");
  const now = clock.now();
  const { root, member } = draft;
  const operators = [{ member, key: root.publicKey }];
  const genesis = await signStatement("genesis", { nonce: toBase64url(random.bytes(16)), operators, iat: now }, root);
  const mesh = await sha256(genesis);
  const exp = now + statementLifeMs;
  const roles: Role[] = ["operator", "admin"];
  const [certificate, admission, identity, trust] = await Promise.all([
    signStatement("node", { mesh, node: node.node, key: node.key, iat: now, exp }, root),
    signStatement(
      "admission",
      { mesh, member, name: draft.name, kind: draft.kind, roles, number: 1, iat: now, exp },
      root,
    ),
    certifyDevice(draft, { mesh, number: 1, now }),
    MeshTrust.pin([genesis], { mesh }, { now: () => clock.now() }),
  ]);
  const body = {
    secret: payload.secret,
    genesis,
    certificate,
    root: root.publicKey,
    admission,
    devices: identity.devices,
  };
  const { body: claimed } = await callRoute(registry, "claim", { body }, options);
  if (claimed.mesh !== mesh)
    throw new ParleyError("registry_key_mismatch", {
      message: `The registry at ${registry} answered the claim with another mesh.`,
    });
  return { registry, trust, identity, admission, roles };
}

export interface PairingRequest {
  readonly registry: string;
  /** A code's digits or a link's secret. */
  readonly secret: string;
  /** What the invite link pins. Without it the words must be compared before anything is believed. */
  readonly expected?: { readonly mesh: string; readonly operators: { readonly number: number; readonly hash: string } };
}

/** Pins the mesh that a registry serves. */
export async function pinMesh({ registry, expected }: PairingRequest, options: PairingOptions): Promise<MeshTrust> {
  const { clock = systemClock } = options;
  const node = await fetchNode(registry, options);
  if (node.operators === undefined || node.certificate === undefined) {
    throw new ParleyError("not_found", {
      message: `The registry at ${registry} has no operator yet; its first member pairs with the link that \`parley up\` printed.`,
    });
  }
  const pinned = expected === undefined ? undefined : { mesh: expected.mesh, ...expected.operators };
  const trust = await MeshTrust.pin(node.operators, pinned, { now: () => clock.now() });
  const certified = await trust.verifyNode(node.certificate);
  if (certified.node !== node.node || certified.key !== node.key) throw new ParleyError("registry_key_mismatch");
  return trust;
}

/** Asks to be let into a mesh. */
export async function requestPairing(
  draft: IdentityDraft,
  request: PairingRequest,
  options: PairingOptions = {},
): Promise<PendingPairing> {
  const { registry, secret } = request;
  const root = rootOf(draft);
  const trust = await pinMesh(request, options);
  const { identity, signed } = await signRequest(draft, root, trust, options);
  const body = { secret, request: signed, devices: identity.devices };
  const { body: state } = await callRoute(registry, "pair", { body }, options);
  const words = await comparisonWords(trust.mesh, trust.operators.hash, draft.member);
  return { registry, trust, identity, pairing: state.pairing, words };
}

async function signRequest(
  draft: IdentityDraft,
  root: Signer,
  { mesh }: MeshTrust,
  { clock = systemClock, random = systemRandom, asks }: PairingOptions,
): Promise<{ readonly identity: Identity; readonly signed: string }> {
  const now = clock.now();
  const { name, kind, label } = draft;
  const nonce = toBase64url(random.bytes(16));
  const request = { mesh, root: root.publicKey, name, kind, label, nonce, iat: now };
  const [identity, signed] = await Promise.all([
    certifyDevice(draft, { mesh, number: 1, now }),
    signStatement("pairing", asks === undefined ? request : { ...request, asks }, root),
  ]);
  return { identity, signed };
}

/**
 * Comes in by a pre-approved link: redeems it with what is derived from its secret, and signs the admission with the invite key, as
 * the operator's grant allows. A registry that does not show the grant leaves the request waiting for an operator.
 */
async function pairGranted(
  draft: IdentityDraft,
  request: PairingRequest,
  options: PairingOptions,
): Promise<JoinedMesh | PendingPairing> {
  const { clock = systemClock } = options;
  const { registry } = request;
  const root = rootOf(draft);
  const trust = await pinMesh(request, options);
  const { redeem, signer } = await deriveInviteKeys(request.secret, trust.mesh);
  const { identity, signed } = await signRequest(draft, root, trust, options);
  const body = { secret: redeem, request: signed, devices: identity.devices };
  const { body: first } = await callRoute(registry, "pair", { body }, options);
  const pending = { registry, trust, identity, pairing: first.pairing };
  if (first.state === "admitted") return acceptAdmission(pending, first.admission, options);
  if (first.grant === undefined)
    return { ...pending, words: await comparisonWords(trust.mesh, trust.operators.hash, draft.member) };
  const grant = await verifyByOperator("grant", first.grant, trust.operators);
  if (grant.key !== signer.publicKey)
    throw new ParleyError("bad_signature", { message: "The registry showed the grant of another link." });
  if (grant.kind !== undefined && grant.kind !== draft.kind)
    throw new ParleyError("forbidden", {
      message: `This link is for one ${grant.kind}; pair with --kind ${grant.kind}.`,
    });
  const now = clock.now();
  const admission = await signStatement(
    "admission",
    {
      mesh: trust.mesh,
      member: draft.member,
      name: grant.name ?? draft.name,
      kind: draft.kind,
      roles: grant.roles,
      number: 1,
      // The clocks may differ a little, and the link's time is the operator's.
      iat: Math.min(Math.max(now, grant.iat), grant.exp),
      exp: grant.until,
      ...(grant.scope === undefined ? {} : { scope: grant.scope }),
      grant: first.grant,
    },
    signer,
  );
  const { body: state } = await callRoute(registry, "pair", { body: { ...body, admission } }, options);
  return acceptAdmission(pending, state.admission, options);
}

function rootOf({ root }: IdentityDraft): Signer {
  if (root !== undefined) return root;
  throw new ParleyError("forbidden", {
    message: "This device does not hold the member's root key, so it cannot ask to join.",
  });
}

/** Asks once what became of a pairing; with `wait` seconds, holds on for news. Throws `rejected`, `expired` or what verification finds. */
export async function checkPairing(
  pending: Omit<PendingPairing, "words">,
  options: PairingOptions & { readonly wait?: number } = {},
): Promise<PairingOutcome> {
  const { wait } = options;
  const call = {
    parameters: { pairing: pending.pairing },
    ...(wait === undefined ? {} : { query: { wait: String(wait) } }),
  };
  const timeoutMs = (wait ?? 0) * 1000 + waitSlackMs;
  const { body } = await callRoute(pending.registry, "pairing", call, { ...options, timeoutMs });
  if (body.state === "pending") return { state: "pending" };
  if (body.state === "rejected") {
    const reason = body.reason === undefined ? "." : `: ${body.reason}`;
    throw new ParleyError("rejected", { message: `An operator rejected this request to join${reason}` });
  }
  if (body.state === "expired") {
    throw new ParleyError("expired", {
      message: "The request to join expired before an operator answered; pair again.",
    });
  }
  return { state: "admitted", joined: await acceptAdmission(pending, body.admission, options) };
}

async function acceptAdmission(
  pending: Omit<PendingPairing, "words">,
  admission: string | undefined,
  options: PairingOptions,
): Promise<JoinedMesh> {
  const { clock = systemClock } = options;
  const { registry, trust, identity } = pending;
  const { member, name, kind, roles, exp } = await verifyByOperator("admission", admission ?? "", trust.operators);
  if (member !== identity.member || kind !== identity.kind)
    throw new ParleyError("bad_signature", { message: "The admission belongs to another member." });
  if (exp <= clock.now())
    throw new ParleyError("expired", { message: "The admission has expired already; check this machine's clock." });
  return { registry, trust, identity: { ...identity, name }, admission: admission ?? "", roles };
}

/** Waits until an operator answers, also through an outage of the registry. Throws `rejected`, `expired`, or `canceled` on the signal. */
export async function awaitAdmission(
  pending: Omit<PendingPairing, "words">,
  options: PairingOptions = {},
): Promise<JoinedMesh> {
  const { clock = systemClock, random = systemRandom, signal } = options;
  const backoff = new Backoff(random, { firstMs: 500 });
  const giveUp = clock.monotonic() + limits.pairingLifeMs;
  while (clock.monotonic() < giveUp) {
    try {
      const outcome = await checkPairing(pending, { ...options, wait: longPollSeconds });
      if (outcome.state === "admitted") return outcome.joined;
      backoff.reset();
    } catch (error) {
      if (!isParleyError(error) || !error.retryable) throw error;
      await pause(clock, backoff.next(), signal);
    }
  }
  throw new ParleyError("expired", { message: "No operator answered in time; pair again." });
}
