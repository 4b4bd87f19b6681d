import type { MemberView } from "@parley/client";
import type { MeshTrust } from "@parley/core";
import {
  type AgentSkill,
  type Price,
  priceSchema,
  skillPricesExtension,
  skillSchemasExtension,
} from "@parley/protocol";

import { restrictionJson, restrictionOf, restrictionText } from "./restriction-text.ts";

/** The best that is known of a member's devices. */
function presenceOf(member: MemberView): string {
  const states = member.devices.map((device) => device.state);
  return (["connected", "stale"] as const).find((state) => states.includes(state)) ?? "offline";
}

/** The same, and what operators put it under. */
export function standingOf(member: MemberView, trust: MeshTrust): string {
  const restriction = restrictionOf(trust, member);
  return restriction === undefined ? presenceOf(member) : `${presenceOf(member)}, ${restrictionText(restriction)}`;
}

/** How many devices the signed list names, and whether the list is old. */
export function devicesOf({ verified, devicesAt, stale }: MemberView): string {
  const count = String(verified.devices.size);
  return stale ? `${count}, listed ${new Date(devicesAt).toISOString().slice(0, 10)} (stale)` : count;
}

/** Tasks at work on its connected devices. */
export function loadOf(member: MemberView): number {
  return member.devices.filter((device) => device.state === "connected").reduce((sum, device) => sum + device.load, 0);
}

export const skillsOf = (member: MemberView): readonly AgentSkill[] => member.card?.skills ?? [];

/** The JSON Schemas that a card declares for a skill. */
export const schemasOf = (member: MemberView, skill: string): unknown =>
  declaredFor(member, skillSchemasExtension, skill);

/** What a card says that a skill costs; undefined where it says nothing, or nothing that is a price. */
export const priceOf = (member: MemberView, skill: string): Price | undefined =>
  priceSchema.safeParse(declaredFor(member, skillPricesExtension, skill)).data;

function declaredFor(member: MemberView, extensionUri: string, skill: string): unknown {
  const extension = member.card?.capabilities.extensions?.find(({ uri }) => uri === extensionUri);
  const skills = extension?.params?.["skills"];
  return typeof skills === "object" && skills !== null && !Array.isArray(skills)
    ? (skills as Record<string, unknown>)[skill]
    : undefined;
}

/** A member for programs. */
export function memberJson(member: MemberView, trust: MeshTrust) {
  const { name, kind, roles, devices, availability, live, verified } = member;
  return {
    member: member.member,
    name,
    kind,
    roles,
    live,
    presence: presenceOf(member),
    ...(availability === undefined ? {} : { availability }),
    devices: devices.map(({ device, state, load, consumer, since }) => ({
      device,
      label: verified.devices.get(device)?.label,
      state,
      load,
      consumer,
      since,
    })),
    skills: skillsOf(member).map(({ id, name: title, description, tags }) => ({
      id,
      name: title,
      description,
      tags,
      schemas: schemasOf(member, id),
      price: priceOf(member, id),
    })),
    admittedUntil: verified.admissionExpires,
    ...(verified.scope === undefined ? {} : { scope: verified.scope }),
    devicesAt: member.devicesAt,
    stale: member.stale,
    ...restrictionJson(restrictionOf(trust, member)),
  };
}

/** What an operator sees of a member when there is no more room. */
export const shortId = (id: string): string => id.slice(0, 8);
