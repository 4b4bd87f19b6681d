import { systemClock, systemRandom } from "@parley/core";
import { formatInviteLink, ParleyError } from "@parley/protocol";
import { createRegistry, type IceOptions, type Registry } from "@parley/registry";
import { openSqliteStores } from "@parley/store-sqlite";

import type { CommandContext } from "../command-context.ts";
import type { CommandModule } from "../command.ts";
import type { Configuration } from "../configuration.ts";
import { processLog } from "../log-line.ts";
import { nodeKeyOf } from "../registry-folder.ts";
import { untilAborted } from "../until-aborted.ts";

/** The STUN and TURN servers that the settings name. */
function iceOf(settings: Configuration): IceOptions {
  const stun = settings.get("stun-urls");
  const turn = settings.get("turn-urls");
  const secret = settings.get("turn-secret");
  if (turn !== undefined && secret === undefined)
    throw new ParleyError("invalid_config", {
      message: "turn-urls needs turn-secret as well; set PARLEY_TURN_SECRET.",
    });
  return {
    ...(stun === undefined ? {} : { servers: [{ urls: stun }] }),
    ...(turn === undefined || secret === undefined ? {} : { turn: { urls: turn, secret } }),
  };
}

const mebibyte = 1_048_576;

/** Runs a registry until a signal, then drains it. */
export const run: CommandModule["run"] = async (context) => {
  const { settings, out, signal } = context;
  const data = settings.get("data");
  const nodeKey = await nodeKeyOf(data);
  const log = processLog(settings.get("log"), out.json);
  const stores = openSqliteStores({
    dir: data,
    clock: systemClock,
    random: systemRandom,
    blobQuotaBytes: settings.get("blob-quota") * mebibyte,
    blobTotalBytes: settings.get("blob-total") * mebibyte,
    onHandlerError: (error) =>
      log("error", "store.handler", { reason: error instanceof Error ? error.message : "unknown" }),
  });
  try {
    const origin = settings.get("origin");
    const registry = createRegistry({
      stores,
      nodeKey,
      host: settings.get("host"),
      port: settings.get("port"),
      ice: iceOf(settings),
      log,
      ...(origin === undefined ? {} : { publicOrigin: origin }),
      ...(settings.get("metrics") ? { metrics: true } : {}),
    });
    const { port } = await registry.start();
    try {
      announce(context, registry, nodeKey.id, port);
      await untilAborted(signal);
      out.note("stopping: saying goodbye to the devices…");
    } finally {
      await registry.stop();
    }
  } finally {
    await stores.close();
  }
  return 0;
};

function announce({ settings, out }: CommandContext, registry: Registry, node: string, port: number): void {
  const { origin, claimSecret } = registry;
  const claim =
    claimSecret === undefined
      ? undefined
      : formatInviteLink({ registry: origin, payload: { v: 1, kind: "claim", secret: claimSecret, node } });
  const data = settings.get("data");
  out.result({ event: "ready", origin, port, data, ...(claim === undefined ? {} : { claim }) }, () => {
    out.line(`${out.style("bold", "registry")}  ${origin}`);
    out.line(`${out.style("bold", "data")}      ${data}`);
    out.line();
    if (claim === undefined) {
      out.line("Next, in another terminal of an operator: parley invite create");
    } else {
      out.line("Nobody has claimed this mesh yet. Its first operator runs, once, in another terminal:");
      out.line();
      out.line(`  parley pair '${claim}'`);
    }
    out.line();
    out.line("Ctrl-C stops it.");
  });
}
