/** The commands for programs in other languages. */
import type { CommandRow } from "../command.ts";

export const sidecarCommands: readonly CommandRow[] = [
  {
    path: ["sidecar"],
    summary: "Holds this home's device for programs in any language, which use it by its socket",
    arguments: [
      {
        name: "agent",
        means: "folder or agent.yaml whose bounds, guards and own skills hold; the nearest upward, or none",
        optional: true,
      },
    ],
    settings: [
      "log",
      "strangers",
      "redact",
      "link-address",
      "link-ports",
      "link-interfaces",
      "link-policy",
      "ice-servers",
    ],
    examples: ["parley sidecar", "parley sidecar --home ~/painter --json"],
    load: () => import("../commands/sidecar.ts"),
  },
  {
    path: ["pipe"],
    summary: "Joins its standard input and output to the device's socket, for programs that open no sockets",
    options: [
      { name: "program", value: "NAME", means: "what the program is called (default: pipe)" },
      { name: "wait", value: "TIME", means: "waits so long for a process that holds the device (default: 10s)" },
    ],
    examples: ["parley pipe", "parley pipe --program counter --wait 1m"],
    load: () => import("../commands/pipe.ts"),
  },
];
