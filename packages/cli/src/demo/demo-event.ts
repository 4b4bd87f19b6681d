import type { Path } from "@parley/protocol";

/** What the demo tells, in the order in which it happens: with `--json`, one of these per line. */
export type DemoEvent =
  | {
      readonly event: "registry";
      readonly origin: string;
      readonly port: number;
      readonly data: string;
      readonly reused: boolean;
    }
  | { readonly event: "operator"; readonly name: string; readonly home: string; readonly claimed: boolean }
  | {
      readonly event: "agent";
      readonly name: string;
      readonly home: string;
      readonly admitted: boolean;
      readonly skills: readonly string[];
    }
  | {
      readonly event: "asked";
      readonly from: string;
      readonly to: string;
      readonly skill: string;
      readonly topic: string;
    }
  | { readonly event: "progress"; readonly from: string; readonly text: string }
  | {
      readonly event: "delegated";
      readonly from: string;
      readonly to: string;
      readonly skill: string;
      /** How often, side by side; `tookMs` is the longest. */
      readonly times: number;
      readonly path: Path;
      readonly tookMs: number;
    }
  | {
      readonly event: "link";
      readonly between: readonly [string, string];
      readonly path: Path;
      readonly route: string | undefined;
    }
  | { readonly event: "no-direct-link"; readonly message: string }
  | { readonly event: "report"; readonly markdown: string; readonly sources: readonly string[] }
  | { readonly event: "up"; readonly origin: string; readonly home: string; readonly afterMs: number }
  | { readonly event: "agent-ended"; readonly name: string }
  | { readonly event: "stopped" };
