/** Lets the demo's members in as anybody's are: the first by the one-time link, the others by invite and approval. */
import { hostname } from "node:os";

import { awaitAdmission, createIdentityDraft, type IdentityDraft, type Operator, pairWithLink } from "@parley/client";
import { Home } from "@parley/client/node";
import { labelSchema, type MemberKind, ParleyError, parseInviteLink } from "@parley/protocol";

import type { DemoRegistry } from "./demo-registry.ts";

const operatorName = "operator";

/** Makes sure that the home holds the mesh's first operator. Returns whether it claimed the mesh just now. */
export async function claimOnce(path: string, registry: DemoRegistry, signal: AbortSignal): Promise<boolean> {
  const home = await Home.open(path);
  if (await moveTo(home, registry.origin)) return false;
  if (registry.claimLink === undefined) throw broken("the registry belongs to an operator whose key is not there");
  const draft = await draftOf(home, operatorName, "person");
  const result = await pairWithLink(draft, parseInviteLink(registry.claimLink), { signal });
  if (!("admission" in result)) throw broken("the one-time link did not make an operator");
  await home.saveJoined(result);
  return true;
}

/** Makes sure that an agent's home belongs to the mesh. Returns whether it was let in just now. */
export async function admitOnce(
  path: string,
  name: string,
  operator: Operator,
  origin: string,
  signal: AbortSignal,
): Promise<boolean> {
  const home = await Home.open(path);
  if (await moveTo(home, origin)) return false;
  const { text } = await operator.createInvite({ kind: "link", label: `demo: ${name}` });
  const pending = await pairWithLink(await draftOf(home, name, "agent"), parseInviteLink(text), { signal });
  if ("admission" in pending) throw broken("an invite made an operator");
  await home.savePending(pending, "pending");
  await operator.approve(await operator.pendingOf(pending.pairing));
  await home.saveJoined(await awaitAdmission(pending, { signal }));
  return true;
}

/** Whether the home was let in before; its registry may have another port by now, and is known by its key. */
async function moveTo(home: Home, origin: string): Promise<boolean> {
  const file = await home.meshFile();
  if (file?.state !== "admitted") return false;
  if (file.registry !== origin) await home.saveMeshFile({ ...file, registry: origin });
  return true;
}

async function draftOf(home: Home, name: string, kind: MemberKind): Promise<IdentityDraft> {
  const known = await home.draft();
  if (known !== undefined) return known;
  const label = labelSchema.safeParse(hostname());
  const draft = await createIdentityDraft({ name, kind, label: label.success ? label.data : "demo" });
  await home.saveDraft(draft);
  return draft;
}

function broken(what: string): ParleyError {
  return new ParleyError("invalid_config", {
    message: `What an earlier demo left does not fit together: ${what}; start it with --fresh.`,
  });
}
