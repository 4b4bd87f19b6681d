import type { LogLine } from "@parley/client";
import { systemClock, systemRandom } from "@parley/core";
import type { DoorListener } from "@parley/door";
import { formatInviteLink, ParleyError, toParleyError } from "@parley/protocol";
import { createRegistry, type IceOptions, type Registry, type TlsKeys } from "@parley/registry";
import { openSqliteStores } from "@parley/store-sqlite";

import type { CommandContext } from "../command-context.ts";
import type { CommandModule } from "../command.ts";
import type { Configuration } from "../configuration.ts";
import { doorTokenFolderOf } from "../door/door-folder.ts";
import { printDoorNews } from "../door/door-news.ts";
import { DoorTokenAudit } from "../door/door-token-audit.ts";
import { originOf, PlainDoor } from "../door/plain-door.ts";
import { exposureOf } from "../exposure.ts";
import { processLog } from "../log-line.ts";
import { nodeKeyOf, tokenKeysOf } from "../registry-folder.ts";
import { endingSoon } from "../statement-end.ts";
import { followTls, readTls, tlsFilesOf } from "../tls-files.ts";
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
  const log = processLog(settings.get("log"), out.json);
  const { proxies, onlyProxies } = exposureOf(settings);
  const tlsFiles = tlsFilesOf(settings);
  const tls = tlsFiles === undefined ? undefined : await readTls(tlsFiles);
  const allowedOrigins = (settings.get("web-origin") ?? []).map((text) => originOf("web-origin", text));
  const nodeKey = await nodeKeyOf(data);
  const stores = openSqliteStores({
    dir: data,
    clock: systemClock,
    random: systemRandom,
    blobQuotaBytes: settings.get("blob-quota") * mebibyte,
    blobTotalBytes: settings.get("blob-total") * mebibyte,
    onHandlerError: (error) =>
      log("error", "store.handler", { reason: error instanceof Error ? error.message : "unknown" }),
  });
  let door: PlainDoor | undefined;
  try {
    const origin = settings.get("origin");
    door = await PlainDoor.open({
      settings,
      log,
      proxies,
      onNews: (news) => printDoorNews(out, news),
      ...(tls === undefined ? {} : { tls }),
    });
    const doorMember = door?.member;
    const registry = createRegistry({
      stores,
      nodeKey,
      tokenKeys: tokenKeysOf(data),
      host: settings.get("host"),
      port: settings.get("port"),
      ice: iceOf(settings),
      proxies,
      onlyProxies,
      allowedOrigins,
      bounds: { socketsPerAddress: settings.get("connections-per-address") },
      ...(tls === undefined ? {} : { tls }),
      log,
      ...(origin === undefined ? {} : { publicOrigin: origin }),
      ...(settings.get("metrics") ? { metrics: true } : {}),
      ...(door === undefined ? {} : { plainDoor: door.upgrades, mayVouch: (member) => member === doorMember }),
    });
    const tokens = door === undefined ? undefined : await doorTokenFolderOf(data);
    const { port } = await registry.start();
    const onError = (error: unknown): void => log("warn", "door.failed", { code: toParleyError(error).code });
    const tokenAudit =
      tokens === undefined
        ? undefined
        : new DoorTokenAudit({ tokens, audit: registry.audit, node: nodeKey.id, onError });
    tokenAudit?.start();
    try {
      const listener = await door?.start(registry, await registry.inside());
      using _following = tlsFiles === undefined ? undefined : followTls(tlsFiles, renewalOf(registry, door, log));
      announce(context, registry, { node: nodeKey.id, port, door: doorMember, listener });
      warnOfEnd(context, registry);
      await untilAborted(signal);
      out.note("stopping: saying goodbye to the devices…");
      await door?.close();
      door = undefined;
    } finally {
      await tokenAudit?.stop();
      await registry.stop();
    }
  } finally {
    await door?.close();
    await stores.close();
  }
  return 0;
};

/** Nobody gets in with a node whose certificate has run out but its operators. */
function warnOfEnd({ out }: CommandContext, { certifiedUntil }: Registry): void {
  const ending = certifiedUntil === undefined ? undefined : endingSoon(certifiedUntil, Date.now());
  if (ending !== undefined)
    out.note(`The certificate of this node ${ending}; an operator's device renews it while it is connected.`);
}

/** What becomes of a certificate that was renewed while it runs. */
function renewalOf(registry: Registry, door: PlainDoor | undefined, log: LogLine): Parameters<typeof followTls>[1] {
  const failed = (error: ParleyError): void =>
    log("error", "tls.failed", { code: error.code, reason: `${error.message} The earlier certificate stays.` });
  const take = (tls: TlsKeys): void => {
    registry.setTls(tls);
    door?.setTls(tls);
    log("info", "tls.renewed", {});
  };
  return { take, failed };
}

interface Announced {
  readonly node: string;
  readonly port: number;
  /** Member id of the plain door, and where it listens. */
  readonly door: string | undefined;
  readonly listener: DoorListener | undefined;
}

function announce(
  { settings, out }: CommandContext,
  registry: Registry,
  { node, port, door, listener }: Announced,
): void {
  const { origin, claimSecret } = registry;
  const payload = { v: 1, kind: "claim", node, ...(door === undefined ? {} : { door }) } as const;
  const claim =
    claimSecret === undefined
      ? undefined
      : formatInviteLink({ registry: origin, payload: { ...payload, secret: claimSecret } });
  const data = settings.get("data");
  const chat = listener === undefined ? undefined : { url: listener.url, port: listener.port };
  const facts = {
    event: "ready",
    origin,
    port,
    data,
    ...(chat === undefined ? {} : { chat }),
    ...(claim === undefined ? {} : { claim }),
  };
  out.result(facts, () => {
    out.line(`${out.style("bold", "registry")}  ${origin}`);
    out.line(`${out.style("bold", "data")}      ${data}`);
    if (chat !== undefined) out.line(`${out.style("bold", "door")}      ${chat.url}, and /chat of the registry`);
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
