/** The mesh that a run needs. */
export interface StewardSettings {
  /** The registry's one-time link. */
  readonly claim: string;
  readonly members: readonly {
    readonly name: string;
    readonly kind: "agent" | "person";
    /** A home folder for each of its devices. */
    readonly homes: readonly string[];
  }[];
}

export interface StewardAnswer {
  /** Device ids in the order of the homes. */
  readonly devices: readonly string[];
  /** Names of the members by their ids. */
  readonly names: Readonly<Record<string, string>>;
}
