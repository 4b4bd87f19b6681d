/**
 * Makes the mesh of a run: claims it as its operator and lets every member in, each into a home folder of its own.
 * Runs once, in the registry's network, and ends. One argument: what to make, as JSON.
 */
import { awaitAdmission, createIdentityDraft, Device, Operator, pairWithLink } from "@parley/client";
import { Home } from "@parley/client/node";
import { openMemoryJournal } from "@parley/core";
import { parseInviteLink } from "@parley/protocol";

import type { StewardAnswer, StewardSettings } from "../steward-settings.ts";

const settings = JSON.parse(process.argv[2] ?? "") as StewardSettings;

const joined = await pairWithLink(
  await createIdentityDraft({ name: "steward", kind: "person", label: "chaos" }),
  parseInviteLink(settings.claim),
);
if (!("admission" in joined)) throw new Error("a claim admits at once");
const { identity, trust, registry } = joined;
const device = await Device.open({ identity, trust, registry, journal: openMemoryJournal() });
await device.start();
const operator = new Operator({ device, root: identity.root, trust: () => trust, registry });

const devices: string[] = [];
const names: Record<string, string> = {};
for (const { name, kind, homes } of settings.members) {
  for (const path of homes) {
    const home = await Home.open(path);
    const draft = await createIdentityDraft({ name, kind, label: "chaos" });
    await home.saveDraft(draft);
    const { text } = await operator.createInvite({ kind: "link" });
    const pending = await pairWithLink(draft, parseInviteLink(text));
    if (!("pairing" in pending)) throw new Error("an invite asks to join");
    await operator.approve(await operator.pendingOf(pending.pairing));
    await home.saveJoined(await awaitAdmission(pending));
    devices.push(draft.device.id);
    names[draft.member] = name;
  }
}
await device.stop();
const answer: StewardAnswer = { devices, names };
process.send?.(answer, () => process.exit(0));
