import type { MemberView } from "./member-view.ts";

/**
 * Devices of a member that take its messages: every listed one of a person; of an agent the one that holds the inbox,
 * by presence, or its only one. None while nothing is known of the member.
 */
export function takersOf(view: MemberView | undefined): readonly string[] {
  if (view === undefined) return [];
  const listed = [...view.verified.devices.keys()];
  if (view.kind === "person" || listed.length === 1) return listed;
  const holder = view.devices.find(({ inbox }) => inbox !== undefined);
  return holder === undefined ? [] : [holder.device];
}
