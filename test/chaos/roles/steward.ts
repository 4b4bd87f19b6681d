/**
 * Makes the mesh of a run: claims it as its operator and lets every member in, each into a home folder of its own.
 * Runs once, in the registry's network, and ends. One argument: what to make, as JSON.
 */
import {
  awaitAdmission,
  createIdentityDraft,
  Device,
  enrolDevice,
  MemberDevices,
  Operator,
  pairWithLink,
} from "@parley/client";
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
const steward = await Device.open({ identity, trust, registry, journal: openMemoryJournal() });
await steward.start();
const operator = new Operator({ device: steward, root: identity.root, trust: () => trust, registry });

const devices: string[] = [];
const names: Record<string, string> = {};
/** A new member in its first home. */
async function letIn(name: string, kind: "agent" | "person", path: string): Promise<Home> {
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
  return home;
}

/** One more device of the member of a home, by a link that the home's device gives out. */
async function addDevices(first: Home, paths: readonly string[]): Promise<void> {
  const { identity, trust, registry, keepIdentity } = await first.heldMesh();
  let newest = identity;
  const device = await Device.open({
    identity,
    trust,
    registry,
    journal: openMemoryJournal(),
    keepIdentity: async (changed) => {
      newest = changed;
      await keepIdentity(changed);
    },
  });
  await device.start();
  const own = new MemberDevices({ device, identity: () => newest, trust: () => trust, registry });
  for (const path of paths) {
    const invite = await own.invite();
    const [added] = await Promise.all([enrolDevice(parseInviteLink(invite.text), { label: path }), invite.enrolled()]);
    const home = await Home.open(path);
    await home.saveEnrolled(added);
    devices.push(added.identity.device.id);
  }
  await device.stop();
  await first.flush();
}

for (const { name, kind, homes } of settings.members) {
  const [path = "", ...more] = homes;
  const home = await letIn(name, kind, path);
  if (more.length > 0) await addDevices(home, more);
}
await steward.stop();
const answer: StewardAnswer = { devices, names };
process.send?.(answer, () => process.exit(0));
