import type { Namespace } from "../lab/namespace.ts";

/** What a router drops. Addresses; without one, any. */
export interface Cut {
  readonly from?: string;
  readonly to?: string;
  readonly protocol?: "udp" | "tcp";
  /** Port of `to`. */
  readonly port?: number;
}

/** What a router between machines drops instead of forwarding it. */
export class RouterCuts {
  readonly #router: Namespace;
  readonly #cuts = new Set<readonly Cut[]>();
  #applying: Promise<void> = Promise.resolve();

  constructor(router: Namespace) {
    this.#router = router;
  }

  /** Drops what matches any of these from now on; returns the way back. */
  async cut(cuts: readonly Cut[]): Promise<() => Promise<void>> {
    this.#cuts.add(cuts);
    await this.#apply();
    return async () => {
      this.#cuts.delete(cuts);
      await this.#apply();
    };
  }

  /** Drops nothing any more. */
  async heal(): Promise<void> {
    this.#cuts.clear();
    await this.#apply();
  }

  /** All rules at once and one change after the other: never a moment with half of them. */
  #apply(): Promise<void> {
    const next = this.#applying.then(async () => {
      const rules = [...this.#cuts].flat().map((cut) => `    ${ruleOf(cut)}`);
      const script = [
        "table inet chaos",
        "delete table inet chaos",
        "table inet chaos {",
        "  chain cuts {",
        "    type filter hook forward priority 0; policy accept;",
        ...rules,
        "  }",
        "}",
      ];
      await this.#router.sh(`nft -f - <<'END'\n${script.join("\n")}\nEND`);
    });
    this.#applying = next.catch(() => undefined);
    return next;
  }
}

function ruleOf({ from, to, protocol, port }: Cut): string {
  const words = [
    ...(from === undefined ? [] : [`ip saddr ${from}`]),
    ...(to === undefined ? [] : [`ip daddr ${to}`]),
    ...(protocol === undefined ? [] : [port === undefined ? `meta l4proto ${protocol}` : `${protocol} dport ${port}`]),
  ];
  return `${words.join(" ")} drop`;
}
