/** Members who agree on something, one of them behind a registry that may lie. */
import type { AgreementSummary } from "@parley/client";
import { FrameSealer, readEntry, signEntry, systemRandom, type TimelineEntry } from "@parley/core";
import {
  type AgreementAct,
  type AgreementActType,
  type AgreementTerms,
  encodeDelivery,
  envelopeKinds,
  FrameWriter,
  toBase64url,
} from "@parley/protocol";
import { testEnvelope } from "@parley/testkit";

import { type Joined, MeshScope, until } from "./device-fixture.ts";
import { RegistryProxy } from "./registry-proxy.ts";

export const terms: AgreementTerms = { task: "Read the corpus.", price: { amount: "12.5", currency: "EUR" } };

export interface AgreementScene extends AsyncDisposable {
  readonly scope: MeshScope;
  /** Speaks to the registry through the proxy. */
  readonly asker: Joined;
  readonly worker: Joined;
  readonly dave: Joined;
  readonly proxy: RegistryProxy;
}

export async function agreementScene(): Promise<AgreementScene> {
  const scope = await MeshScope.start();
  const proxy = await RegistryProxy.start(scope.mesh.origin);
  const [worker, dave] = [await scope.join("worker"), await scope.join("dave")];
  const asker = await scope.join("asker", { registry: proxy.origin });
  return {
    scope,
    asker,
    worker,
    dave,
    proxy,
    async [Symbol.asyncDispose]() {
      await scope[Symbol.asyncDispose]();
      await proxy[Symbol.asyncDispose]();
    },
  };
}

/** The agreement as a member hears of it after an act of this kind. */
export async function heard(who: Joined, type: AgreementActType, by?: Joined): Promise<AgreementSummary> {
  const isIt = (act: { readonly by: string; readonly act: AgreementAct }): boolean =>
    act.act.type === type && (by === undefined || act.by === by.device.member);
  return (await who.events.first("agreement", ({ act }) => isIt(act))).agreement;
}

/** Acts that a member was told of. */
export const actsHeard = (who: Joined): readonly string[] =>
  who.events.seen.flatMap((event) => (event.type === "agreement" ? [`${event.act.number} ${event.act.act.type}`] : []));

/** An agreement between the two that has come as far as `accepted`. */
export async function accepted(
  { asker, worker }: AgreementScene,
  more: Partial<AgreementTerms> = {},
  lifeMs?: number,
): Promise<string> {
  const { agreement } = await asker.device.agreements.propose("@worker", { terms: { ...terms, ...more }, lifeMs });
  await until(async () => (await worker.device.agreements.list()).some((one) => one.agreement === agreement));
  await worker.device.agreements.act(agreement, { type: "accept" });
  await until(async () => (await asker.device.agreements.get(agreement)).state === "accepted");
  return agreement;
}

/** The acts of an agreement as a member holds them. */
export async function entriesOf(who: Joined, agreement: string): Promise<TimelineEntry<"agreement">[]> {
  const { acts } = await who.device.agreements.get(agreement);
  return Promise.all(acts.map(({ statement }) => readEntry("agreement", statement)));
}

/** Signs an act that the own library would not. `as` may be somebody else whom the act then names. */
export function sign(
  by: Joined,
  agreement: string,
  before: TimelineEntry<"agreement"> | undefined,
  act: AgreementAct,
  change: { readonly as?: Joined; readonly iat?: number } = {},
): Promise<TimelineEntry<"agreement">> {
  const place = { kind: "agreement", mesh: by.device.mesh, subject: agreement, before } as const;
  const { as = by, iat = Date.now() } = change;
  return signEntry(place, { by: as.device.member, iat, act }, by.identity.device);
}

/** Tells the registry of an act, as whoever signed it. */
export const advance = (by: Joined, { statement, hash }: TimelineEntry<"agreement">): Promise<unknown> => {
  const { subject: agreement, number, previous } = statement;
  return by.device.request("agreement.advance", {
    agreement,
    number,
    hash,
    ...(previous === undefined ? {} : { previous }),
  });
};

/** Hands the asker acts in an envelope of a member's device. */
export async function inject(
  { asker, proxy }: AgreementScene,
  from: Joined,
  agreement: string,
  acts: readonly { readonly compact: string }[],
): Promise<void> {
  const writer = new FrameWriter();
  const body = JSON.stringify({ agreement, acts: acts.map(({ compact }) => compact) });
  const envelope = testEnvelope(body, { created: Date.now(), kind: envelopeKinds.agreement });
  const epoch = toBase64url(systemRandom.bytes(16));
  writer.data({ class: "durable", epoch, base: 1, firstSeq: 1 }, [envelope]);
  const { member, device } = from.identity;
  const sealer = new FrameSealer({ mesh: asker.device.mesh, member, device, random: systemRandom });
  const { verified, devices } = await from.device.memberOf(asker.device.member);
  const { encryption } = verified;
  const to = { member: verified.member, device: asker.device.device, encryption, boot: devices[0]?.boot, store: false };
  const { bytes } = await sealer.seal(writer.finish().slice(), { ...to, expires: 0 });
  proxy.inject(encodeDelivery({ mailbox: undefined, frame: bytes }));
}
