import type { VerifiedMember } from "@parley/core";
import type { AgentCard, Availability, DevicePresence, MemberKind, Role } from "@parley/protocol";

/** A member as the rest of the program sees it: everything but presence is verified against the pinned operators. */
export interface MemberView {
  readonly member: string;
  /** Without the `@`. */
  readonly name: string;
  readonly kind: MemberKind;
  readonly roles: readonly Role[];
  readonly card: AgentCard | undefined;
  /** The registry's word, not verifiable. */
  readonly devices: readonly DevicePresence[];
  readonly availability: Availability | undefined;
  /** At least one device is connected. */
  readonly live: boolean;
  /** When its device list was signed, milliseconds since 1970 by the signing device's clock. */
  readonly devicesAt: number;
  /** The list is older than `limits.deviceListFreshMs`: a newer one may be withheld, or the device that signs is away. */
  readonly stale: boolean;
  readonly verified: VerifiedMember;
}

/** What to look for; all that is given must fit. */
export interface FindQuery {
  readonly skill?: string;
  readonly tag?: string;
  readonly text?: string;
  readonly kind?: MemberKind;
  /** Only members with a connected device. */
  readonly live?: boolean;
  /** Default 100, at most `limits.pageSize`. */
  readonly limit?: number;
  readonly after?: string;
}

/** A page of what was found; entries whose statements do not hold are left out and named in `refused`. */
export interface FoundMembers {
  readonly members: readonly MemberView[];
  readonly refused: readonly { readonly code: string; readonly message: string }[];
  readonly next: string | undefined;
}
