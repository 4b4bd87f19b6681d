import type { ContactView, DeviceApi, LinkView, SessionState } from "@parley/client";
import { peekStatement, type Restriction } from "@parley/core";
import { limits, visible } from "@parley/protocol";

import { type ArchiveAccess, withArchive } from "../archive-access.ts";
import type { CommandContext } from "../command-context.ts";
import type { CommandModule } from "../command.ts";
import { ConversationNames } from "../conversation-names.ts";
import { nameOf } from "../delivery-table.ts";
import { openHome } from "../open-device.ts";
import { restrictionJson, restrictionText } from "../restriction-text.ts";
import { endingSoon } from "../statement-end.ts";

interface Unread {
  readonly conversation: string;
  readonly name: string;
  readonly unread: number;
  readonly mentions: number;
}

interface Status {
  readonly member: string;
  readonly name: string;
  readonly device: string;
  /** Milliseconds since 1970. */
  readonly admittedUntil: number | undefined;
  readonly registry: string;
  readonly session: SessionState;
  readonly links: readonly LinkView[];
  readonly unread: readonly Unread[];
  readonly requests: readonly ContactView[];
  /** Messages that no device of their recipient acknowledged yet. */
  readonly outbox: number;
  readonly trouble: readonly { readonly channel: string; readonly code: string }[];
  /** What an operator put this member under. */
  readonly restriction?: Partial<Restriction>;
}

/** Where this device stands, and what waits for its member. */
export const run: CommandModule["run"] = async (context) => {
  const home = await openHome(context);
  const [{ registry }, file] = await Promise.all([home.pins(), home.meshFile()]);
  const admission = file?.admission === undefined ? undefined : peekStatement("admission", file.admission);
  return withArchive(context, async (access) => {
    const { member } = access.device;
    // Read anew: what came on connecting is written down by now, or on its way.
    const { trust } = await home.pins();
    const { kind = "person" } = admission ?? {};
    const restriction = trust.restrictions.of({ member, kind }, Date.now());
    const status = { ...(await statusOf(access, registry, admission?.exp)), ...restrictionJson(restriction) };
    context.out.result(status, () => print(context, status, restriction));
    return 0;
  });
};

async function statusOf(
  { device, isConnected }: ArchiveAccess,
  registry: string,
  kept: number | undefined,
): Promise<Status> {
  // The newest admission is the registry's to tell: the home keeps the one that it began with.
  const renewed = isConnected ? await device.memberOf(device.member).catch(() => undefined) : undefined;
  const [summaries, channels, requests, names] = await Promise.all([
    device.conversations.conversations(),
    device.conversations.channels({ joined: true }),
    device.conversations.contacts("request"),
    ConversationNames.of(device),
  ]);
  const waiting = summaries.filter(({ unread }) => unread > 0);
  return {
    member: device.member,
    name: device.name,
    device: device.device,
    admittedUntil: renewed?.verified.admissionExpires ?? kept,
    registry,
    session: isConnected ? device.state : "waiting",
    links: device.links(),
    unread: await Promise.all(
      waiting.map(async ({ conversation, unread, mentions }) => ({
        conversation,
        name: await names.nameOf(conversation),
        unread,
        mentions,
      })),
    ),
    requests,
    outbox: await outboxOf(device),
    trouble: channels.flatMap(({ name, trouble }) =>
      trouble === undefined ? [] : { channel: `#${name}`, code: trouble },
    ),
  };
}

async function outboxOf(device: DeviceApi): Promise<number> {
  let count = 0;
  for (let after: number | undefined = 0; after !== undefined;) {
    const page: Awaited<ReturnType<DeviceApi["deliveries"]>> = await device.deliveries({
      direction: "out",
      pendingOnly: true,
      after,
      limit: limits.pageSize,
    });
    count += page.records.length;
    after = page.next;
  }
  return count;
}

function print({ out }: CommandContext, status: Status, restriction: Restriction | undefined): void {
  const { registry, session, links, unread, requests, outbox, trouble } = status;
  const open = links.filter(({ state }) => state === "open");
  const rows: [string, string][] = [
    ["member", `@${status.name}`],
    ["registry", registry],
    ["session", session],
    ...(restriction === undefined ? [] : [["standing", restrictionText(restriction)] as [string, string]]),
    [
      "links",
      open.length === 0 ? "none" : open.map(({ name, path }) => `@${visible(name)} (${path ?? "?"})`).join(", "),
    ],
    ["outbox", outbox === 0 ? "empty" : `${outbox} not delivered yet: parley delivery list --pending`],
    [
      "requests",
      requests.length === 0 ? "none" : requests.map(({ name, member }) => visible(nameOf(name, member))).join(", "),
    ],
    ["unread", unread.length === 0 ? "none" : ""],
  ];
  for (const [key, value] of rows) out.line(`${key.padEnd(9)} ${value}`.trimEnd());
  const ending = status.admittedUntil === undefined ? undefined : endingSoon(status.admittedUntil, Date.now());
  if (ending !== undefined)
    out.line(out.style("yellow", `The admission of @${status.name} ${ending}; ask an operator to renew it.`));
  for (const { name, unread: count, mentions } of unread)
    out.line(`  ${visible(name)}  ${count}${mentions === 0 ? "" : `, ${mentions} of them call you`}`);
  for (const { channel, code } of trouble)
    out.line(out.style("yellow", `${channel} cannot be read or written: ${code}`));
}
