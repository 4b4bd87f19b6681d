import { expectedPath, natKinds } from "../../packages/cli/src/stun/nat-kind.ts";

/** The path between every two kinds of network, with TURN and relay at hand: as Markdown. */
export function pathTable(): string {
  const row = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  const paths = natKinds.map((own) => natKinds.map((peer) => expectedPath(own, peer, { turn: true, relay: true })));
  return [
    row(["", ...natKinds]),
    `|${["", ...natKinds].map(() => "---|").join("")}`,
    ...natKinds.map((own, index) => row([`**${own}**`, ...(paths[index] ?? [])])),
  ].join("\n");
}
