/** How far a transfer is. `check` reads what is there already, `transfer` is what the registry has or has given. */
export interface TransferProgress {
  readonly step: "check" | "transfer";
  /** Bytes of content. */
  readonly done: number;
  readonly total: number;
}

/** Parts under way at a time. With one that is being written, this is what a transfer holds in memory. */
export const partsAtOnce = 3;
