import type { DeviceApi, FindQuery, MemberView } from "@parley/client";

/** A member of the directory, as far as a chat looks at it. */
export type ListedMember = Pick<MemberView, "member" | "name" | "kind" | "devices" | "availability">;

/** What a chat needs of a device. */
export interface ChatDevice extends Pick<
  DeviceApi,
  "member" | "device" | "name" | "mesh" | "state" | "watch" | "links" | "conversations" | "approvals"
> {
  find(query: FindQuery): Promise<{ readonly members: readonly ListedMember[] }>;
}
