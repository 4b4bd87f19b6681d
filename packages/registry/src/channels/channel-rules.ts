import { type Channel, ParleyError, type Role, type Scope, scopeAllowsChannel } from "@parley/protocol";

import type { KnownChannel } from "./channel-table.ts";

/** Who asks for something about a channel. */
export interface ChannelCaller {
  readonly member: string;
  readonly roles: readonly Role[];
  /** What its admission limits it to. */
  readonly scope: Scope | undefined;
}

export const isIn = (channel: KnownChannel, member: string): boolean => channel.members.get(member)?.state === "in";

/** Whether a member may come in without anybody's leave. Its maker may, unless it was taken out. */
export function isOpenTo(channel: Pick<KnownChannel, "record" | "members">, member: string): boolean {
  const standing = channel.members.get(member);
  if (channel.record.kind === "public" || standing?.state === "in" || standing?.state === "invited") return true;
  return channel.record.createdBy === member && standing?.why !== "kicked";
}

const isOperator = ({ roles }: ChannelCaller): boolean => roles.includes("operator") || roles.includes("admin");

/** Whether somebody may know of a channel at all. Operators may: they can close any. What is not in a scope is not there for it. */
export function maySee(channel: KnownChannel, caller: ChannelCaller): boolean {
  if (!scopeAllowsChannel(caller.scope, channel.record.name)) return false;
  return isOpenTo(channel, caller.member) || isOperator(caller);
}

/** Whether somebody may change a channel and take members out. */
export function maySettle(channel: KnownChannel, caller: ChannelCaller): boolean {
  return isOperator(caller) || (channel.record.createdBy === caller.member && isIn(channel, caller.member));
}

/** Throws `out_of_scope` for a channel that the caller's admission leaves out. */
export function requireInScope(name: string, { scope }: Pick<ChannelCaller, "scope">): void {
  if (!scopeAllowsChannel(scope, name)) throw new ParleyError("out_of_scope");
}

/** Throws `forbidden`. */
export function requireSettler(channel: KnownChannel, caller: ChannelCaller): void {
  if (!maySettle(channel, caller))
    throw new ParleyError("forbidden", {
      message: "Only the channel's owner and operators take members out, mute or ban them.",
    });
}

/** Throws `not_in_channel`. */
export function requireIn(channel: KnownChannel, member: string): void {
  if (!isIn(channel, member)) throw new ParleyError("not_in_channel");
}

/** Throws `archived`. */
export function requireOpen(channel: KnownChannel): void {
  if (channel.record.archived !== undefined) throw new ParleyError("archived");
}

/** What a member is told of a channel. */
export function viewOf({ id, record, joined, members }: KnownChannel, member: string): Channel {
  const { name, kind, encrypted, topic, history, retention, createdBy, created, archived } = record;
  const state = members.get(member)?.state;
  return {
    channel: id,
    name,
    kind,
    encrypted,
    topic,
    history,
    retention,
    ...(createdBy === undefined ? {} : { createdBy }),
    created,
    ...(archived === undefined ? {} : { archived }),
    members: joined,
    joined: state === "in",
    open: isOpenTo({ record, members }, member),
  };
}
