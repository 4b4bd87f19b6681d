/** Asks the supervisor of a folder something. */
import { connect, type Socket } from "node:net";

import { socketPathOf } from "@parley/client/node";
import { decodeJson, isErrorCode, ParleyError } from "@parley/protocol";
import { lineBytes, LineConnection, readSocketSecret } from "@parley/sidecar";

import type { LogEntry } from "./agent-log.ts";
import {
  type SupervisorAnswer,
  supervisorLineSchema,
  type SupervisorRequest,
  supervisorVersion,
} from "./supervisor-lines.ts";
import { stateFolderOf } from "./supervisor.ts";

export interface CallOptions {
  readonly signal?: AbortSignal;
  readonly onEntry?: (entry: LogEntry) => void;
}

const notRunning = (folder: string): ParleyError =>
  new ParleyError("not_connected", {
    message: `No supervisor runs the agents of ${folder}; \`parley run --all\` starts one.`,
  });

/** Throws `not_connected` where no supervisor runs, and what the supervisor refuses with. */
export async function askSupervisor(
  folder: string,
  ask: SupervisorRequest,
  { signal, onEntry }: CallOptions = {},
): Promise<SupervisorAnswer> {
  const path = socketPathOf(stateFolderOf(folder));
  const socket = await connectTo(path).catch(() => {
    throw notRunning(folder);
  });
  const answer = Promise.withResolvers<SupervisorAnswer>();
  const connection = new LineConnection(socket, {
    onLine: (line) => {
      const said = decodeJson(supervisorLineSchema, line, lineBytes);
      if (!said.ok) answer.reject(new ParleyError("unsupported_version"));
      else if ("entry" in said.value) onEntry?.(said.value.entry);
      else if ("answer" in said.value) answer.resolve(said.value.answer);
      else answer.reject(errorOf(said.value.error));
    },
    onClosed: (error) =>
      answer.reject(error ?? new ParleyError("closed", { message: "The supervisor ended before it answered." })),
  });
  const leave = (): void => connection.fail(new ParleyError("canceled"));
  signal?.addEventListener("abort", leave, { once: true });
  try {
    const secret = await readSocketSecret(path);
    if (secret === undefined) throw notRunning(folder);
    await connection.send({ version: supervisorVersion, secret, ask });
    return await answer.promise;
  } finally {
    signal?.removeEventListener("abort", leave);
    connection.close();
  }
}

function errorOf({ code, message }: { readonly code: string; readonly message: string }): ParleyError {
  return new ParleyError(isErrorCode(code) ? code : "internal", { message });
}

function connectTo(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once("error", reject);
    socket.once("connect", () => {
      socket.off("error", reject);
      resolve(socket);
    });
  });
}
