import type { DeliveryState, ErrorCode, Path } from "@parley/protocol";
import { limits } from "@parley/protocol";

/** Something that happened to an envelope, as this device knows it. */
export interface DeliveryFact {
  readonly state: DeliveryState;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly path?: Path;
  /** Id of the device that it happened at. */
  readonly device?: string;
  readonly code?: ErrorCode;
  readonly reason?: string;
  /** Why it went by this path. */
  readonly via?: string;
}

/** `in`: received. `out`: sent. */
export type DeliveryDirection = "in" | "out";

/** All that this device knows of one body. */
export interface DeliveryRecord {
  /** Names it in this journal; goes up in the order in which bodies were accepted, received or imported. */
  readonly place: number;
  /** `<epoch>.<seq>` of where it was accepted first. */
  readonly id: string;
  readonly direction: DeliveryDirection;
  /** Member id of the other side. */
  readonly peer: string;
  /** Device that sent it; undefined for what this member sent. */
  readonly device: string | undefined;
  /** Of its stream. A chunked body has the number of its last envelope. */
  readonly epoch: string;
  readonly seq: number;
  readonly kind: number;
  /** Milliseconds since 1970 by the sender's clock. */
  readonly created: number;
  /** Milliseconds since 1970; undefined for never. */
  readonly expires: number | undefined;
  /** Of the body. */
  readonly bytes: number;
  readonly pending: boolean;
  readonly attempts: number;
  readonly redelivered: boolean;
  /** The newest fact's. */
  readonly state: DeliveryState;
  /** Oldest first; at least one. */
  readonly facts: readonly DeliveryFact[];
  /** Signed receipts by the state that they are for; of what was sent, each is a `KeptReceipt` of @parley/protocol. */
  readonly receipts: ReadonlyMap<DeliveryState, Uint8Array>;
  readonly body: Uint8Array;
}

export interface DeliveryQuery {
  readonly id?: string;
  /** A short form of ids, `<part of the epoch>.<number>`: every record whose id it fits. */
  readonly idLike?: string;
  /** Member id. */
  readonly peer?: string;
  readonly direction?: DeliveryDirection;
  /** Only those whose newest fact is one of these. */
  readonly states?: readonly DeliveryState[];
  readonly pendingOnly?: boolean;
  /** Only what comes after this place, in the order asked for. */
  readonly after?: number;
  /** Default `defaultDeliveries`, at most `maxDeliveries`. A page ends sooner when it holds `maxDeliveryPageBytes` of bodies. */
  readonly limit?: number;
  readonly newestFirst?: boolean;
}

export interface DeliveryPage {
  readonly records: readonly DeliveryRecord[];
  /** `after` of the next page; undefined when there is none. */
  readonly next: number | undefined;
}

export const defaultDeliveries = 100;
/** Records of one page, and of one removal or import. */
export const maxDeliveries = 500;
/** Bodies of one page; one record is always given. */
export const maxDeliveryPageBytes = 16 * 1024 * 1024;
/** Texts of a fact. */
export const maxFactCharacters = limits.labelCharacters * 2;
export const maxReceiptBytes = 512;
