import type { Signer } from "@parley/core";
import {
  decodeRoutedFrame,
  limits,
  ParleyError,
  type ReplyBody,
  type RequestBody,
  type RequestMessage,
  type RequestType,
} from "@parley/protocol";

import type { DeadLetters } from "./dead-letters.ts";
import type { Directory, DirectoryEntry } from "./directory.ts";
import type { Enrolments } from "./enrolments.ts";
import { iceFor } from "./ice.ts";
import type { InboxLeases } from "./inbox-leases.ts";
import type { Invites } from "./invites.ts";
import { issueLease } from "./lease.ts";
import type { Mailboxes } from "./mailboxes.ts";
import type { Members } from "./members.ts";
import type { MeshState } from "./mesh-state.ts";
import type { IceOptions } from "./options.ts";
import type { Pairings } from "./pairings.ts";
import type { Presence } from "./presence.ts";
import type { SessionTokens } from "./session-token.ts";
import type { Session, SessionIdentity } from "./session.ts";

/** Life of a device link that names none. */
const defaultDeviceLinkMs = 600_000;

export interface AnswerServices {
  readonly mesh: MeshState;
  readonly members: Members;
  readonly directory: Directory;
  readonly presence: Presence;
  readonly invites: Invites;
  readonly pairings: Pairings;
  readonly enrolments: Enrolments;
  readonly mailboxes: Mailboxes;
  readonly inboxes: InboxLeases;
  readonly deadLetters: DeadLetters;
  /** The mailbox of a member has more. */
  readonly mailboxChanged: (member: string) => void;
  readonly tokens: SessionTokens;
  readonly nodeKey: Signer;
  readonly now: () => number;
  readonly leaseMs: number;
  readonly ice: IceOptions;
}

type Answer<Type extends RequestType> = (
  caller: SessionIdentity,
  body: RequestBody<Type>,
  session: Session,
) => ReplyBody<Type> | Promise<ReplyBody<Type>>;
type Answers = { readonly [Type in RequestType]: Answer<Type> };

/** One answer for each type of request. Roles were checked before. */
export function makeAnswers(services: AnswerServices): (session: Session, request: RequestMessage) => Promise<unknown> {
  const { mesh, members, directory, presence, invites, pairings, enrolments, mailboxes, inboxes, deadLetters, now } =
    services;
  const answers: Answers = {
    "directory.find": (_caller, query) => directory.find(query, presence),
    "directory.get": async (_caller, wanted) => {
      const { record, member } = await findMember(services, wanted);
      return { record, ...presence.entry(member) };
    },
    "directory.watch": (_caller, { members: watched }, session) => {
      presence.watch(session, watched);
      return {};
    },
    "card.publish": async (caller, { card }) => {
      await members.publishCard(caller.member, card);
      return {};
    },
    "devices.publish": async (caller, { devices }) => {
      await members.publishDevices(caller.member, devices);
      return {};
    },
    "device.invite": (caller, { enrolment, lifeMs }) =>
      enrolments.invite(caller.member, enrolment, lifeMs ?? defaultDeviceLinkMs),
    "device.answer": async (caller, { enrolment, answer }) => {
      await enrolments.answer(caller.member, enrolment, answer);
      return {};
    },
    "presence.set": (caller, change) => {
      presence.set(caller.member, caller.device, change);
      if (caller.kind === "agent" && change.consumer !== undefined) inboxes.consider(caller.member);
      return {};
    },
    "lease.renew": async (caller) => {
      const { admissionExpires } = await findMember(services, caller);
      const issuer = { mesh: mesh.require().mesh, nodeKey: services.nodeKey, now: now(), leaseMs: services.leaseMs };
      return { lease: await issueLease(issuer, caller.member, caller.device, admissionExpires) };
    },
    "ice.get": (caller) => iceFor(caller.member, services.ice, now()),
    "invite.create": (caller, wanted) => invites.create(caller.member, wanted),
    "invite.list": (_caller, page) => invites.list(page.limit ?? limits.pageSize, page.after),
    "invite.cancel": async (_caller, { invite }) => {
      await invites.cancel(invite);
      return {};
    },
    "pairing.list": (_caller, page) => pairings.list(page.limit ?? limits.pageSize, page.after),
    "pairing.approve": async (_caller, { pairing, admission }) => {
      await pairings.approve(pairing, admission);
      return {};
    },
    "pairing.reject": async (_caller, { pairing, reason }) => {
      await pairings.reject(pairing, reason);
      return {};
    },
    "revocations.publish": async (_caller, { revocations }) => {
      await mesh.publishRevocations(revocations, (member) => members.isAdmitted(member));
      await members.revokeListed();
      return {};
    },
    "mailbox.ack": async (caller, { offset }, session) => {
      if (caller.kind === "agent") await inboxes.check(session);
      await session.mailbox.acknowledge(offset);
      return {};
    },
    "inbox.release": async (_caller, { generation }, session) => {
      await inboxes.release(session, generation);
      return {};
    },
    "mailbox.refuse": async (caller, { offset, code }, session) => {
      if (caller.kind === "agent") await inboxes.check(session);
      await session.mailbox.refuse(offset, code);
      return {};
    },
    "mailbox.dead.list": (caller, { after, limit }) => deadLetters.list(caller.member, limit ?? limits.pageSize, after),
    "mailbox.dead.remove": async (caller, { offsets }) => ({
      removed: await deadLetters.remove(caller.member, offsets),
    }),
    "mailbox.dead.redeliver": async (caller, { offset }) => {
      const bytes = await deadLetters.frame(caller.member, offset);
      const frame = decodeRoutedFrame(bytes);
      if (!frame.ok) throw new ParleyError(frame.code);
      const place = await mailboxes.append(frame.value, bytes, `dead.${offset}`);
      await deadLetters.remove(caller.member, [offset]);
      services.mailboxChanged(caller.member);
      return { offset: place };
    },
    "token.get": (caller) => services.tokens.issue(caller),
    ping: () => ({ time: now() }),
  };
  return async (session, request) => {
    if (session.identity === undefined) throw new ParleyError("unauthenticated");
    // The table pairs each type with its body; the compiler cannot see that through a lookup by a union.
    const answer = answers[request.type] as Answer<RequestType>;
    return answer(session.identity, request.body, session);
  };
}

/** By name or id. The directory may be late: the store has the last word before a member is called unknown. */
async function findMember(
  services: AnswerServices,
  wanted: { name: string } | { member: string },
): Promise<DirectoryEntry> {
  const { directory, members } = services;
  const known = "member" in wanted ? directory.get(wanted.member) : directory.byName(wanted.name);
  if (known !== undefined) return known;
  const id = "member" in wanted ? wanted.member : await members.holderOf(wanted.name);
  if (id !== undefined) await members.refresh(id);
  const found = id === undefined ? undefined : directory.get(id);
  if (found === undefined) throw new ParleyError("unknown_member");
  return found;
}
