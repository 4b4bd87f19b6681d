import { hostname, userInfo } from "node:os";

import { loadManifest } from "@parley/agent";
import {
  awaitAdmission,
  createIdentityDraft,
  enrolDevice,
  type IdentityDraft,
  type JoinedMesh,
  pairWithLink,
  type PendingPairing,
  requestPairing,
} from "@parley/client";
import { findAgentFolder, type Home } from "@parley/client/node";
import { comparisonWords } from "@parley/core";
import {
  type Asks,
  asksSchema,
  type InviteLink,
  labelSchema,
  limits,
  memberKindSchema,
  type MemberKind,
  parseInviteLink,
  ParleyError,
  parseName,
  parsePairingCode,
} from "@parley/protocol";

import type { CommandContext } from "../command-context.ts";
import type { CommandModule } from "../command.ts";
import { admitDoor } from "../door/door-admission.ts";
import { openHome } from "../open-device.ts";
import { roleOf } from "../role-option.ts";
import { scopeOf } from "../scope-option.ts";
import { askYesNo, isInteractive } from "../terminal.ts";

/** Joins a mesh: by a link, by a code, or by going on with a request made before. */
export const run: CommandModule["run"] = async (context) => {
  const home = await openHome(context);
  const invite = context.input.optionalArgument("invite");
  if (invite === undefined) return resume(context, home);
  const mesh = await home.meshFile();
  if (mesh?.state === "admitted") {
    throw new ParleyError("already_exists", {
      message: `The home folder ${home.path} belongs to a mesh already; use another one with --home.`,
    });
  }
  const code = parsePairingCode(invite);
  return code === undefined ? pairByLink(context, home, invite) : pairByCode(context, home, code);
};

async function pairByLink(context: CommandContext, home: Home, text: string): Promise<0> {
  const link = parseInviteLink(text);
  if (link.payload.kind === "device") return enrol(context, home, link);
  const asked = asksOf(context);
  const draft = await draftOf(context, home);
  const result = await pairWithLink(draft, link, { signal: context.signal, ...asked });
  if ("admission" in result) return joined(context, home, result, link);
  await home.savePending(result, "pending");
  return wait(context, home, result);
}

/** Becomes one more device of a member. No operator is asked: the member vouches for its own. */
async function enrol(context: CommandContext, home: Home, link: InviteLink): Promise<0> {
  const { out, settings, signal } = context;
  const held = await home.identityFile();
  if (held?.root !== undefined)
    throw new ParleyError("already_exists", {
      message: `The home folder ${home.path} holds @${held.name} already; use another one with --home.`,
    });
  const named = link.payload.kind === "device" ? link.payload.label : undefined;
  out.progress("waiting for the inviting device…");
  const mesh = await enrolDevice(link, { label: labelOf(settings.get("label") ?? named ?? hostname()), signal });
  await home.saveEnrolled(mesh);
  const { identity, registry, roles } = mesh;
  const facts = {
    state: "enrolled",
    name: identity.name,
    member: identity.member,
    device: identity.device.id,
    label: identity.label,
    mesh: mesh.trust.mesh,
    registry,
    roles,
    home: home.path,
  };
  out.result(facts, () => {
    out.line(`This is a device of @${identity.name} now, called ${identity.label}.`);
    out.line(identity.kind === "agent" ? "Next: parley run" : "Next: parley listen");
  });
  return 0;
}

function labelOf(text: string): string {
  const label = labelSchema.safeParse(text);
  if (label.success) return label.data;
  throw new ParleyError("invalid_config", {
    message: "The label must have 1 to 64 characters without control characters.",
  });
}

async function pairByCode(context: CommandContext, home: Home, code: string): Promise<0> {
  const asked = asksOf(context);
  const draft = await draftOf(context, home);
  const pending = await requestPairing(
    draft,
    { registry: await registryOf(context), secret: code },
    { signal: context.signal, ...asked },
  );
  await home.savePending(pending, "unconfirmed");
  await confirmWords(context, home, pending);
  return wait(context, home, pending);
}

/** What the options ask for; an operator decides. */
function asksOf({ input }: CommandContext): { readonly asks?: Asks } {
  const [role, scope, text] = [input.text("role"), scopeOf(input), input.text("asks")];
  const isRecovery = input.switch("recover");
  const wanted = {
    ...(role === undefined ? {} : { roles: [roleOf(role)] }),
    ...(scope === undefined ? {} : { scope }),
    ...(text === undefined ? {} : { text }),
    ...(isRecovery ? { recovers: true } : {}),
  };
  if (Object.keys(wanted).length === 0) return {};
  const asks = asksSchema.safeParse(wanted);
  if (asks.success) return { asks: asks.data };
  throw new ParleyError("invalid_argument", {
    message: `--asks takes one line of up to ${limits.asksCharacters} characters.`,
  });
}

/** Where a code is good: the setting, else what agent.yaml says, else the default. */
async function registryOf({ settings, cwd }: CommandContext): Promise<string> {
  const folder = settings.isSet("registry") ? undefined : findAgentFolder(cwd);
  const named = folder === undefined ? undefined : (await loadManifest(folder)).registry;
  return named === undefined ? settings.get("registry") : new URL(named).origin;
}

/** Goes on where an earlier `pair` stopped. */
async function resume(context: CommandContext, home: Home): Promise<0> {
  const { state, registry, trust, identity, pairing } = await home.mesh();
  if (state === "admitted" || pairing === undefined)
    throw new ParleyError("already_exists", {
      message: `@${identity.name} belongs to its mesh already; there is no request to go on with.`,
    });
  const words = await comparisonWords(trust.mesh, trust.operators.hash, identity.member);
  const pending: PendingPairing = { registry, trust, identity, pairing, words };
  if (state === "unconfirmed") await confirmWords(context, home, pending);
  return wait(context, home, pending);
}

/** A code says nothing about the mesh: the words do, once both sides compared them. */
async function confirmWords(context: CommandContext, home: Home, pending: PendingPairing): Promise<void> {
  const { out, input, signal } = context;
  const { words } = pending;
  const typed = input.text("words");
  if (typed === undefined && !isInteractive()) {
    throw new ParleyError("invalid_argument", {
      message: `The code does not prove whose mesh this is: compare these six words with the operator's, then run parley pair --words '…' with theirs: ${words}`,
      data: { words, pairing: pending.pairing },
    });
  }
  out.note(`Your six words:  ${out.style("bold", words)}`);
  const same =
    typed === undefined
      ? await askYesNo("Does the operator see the same six words?", signal)
      : typed
          .trim()
          .toLowerCase()
          .split(/[\s,-]+/)
          .join(" ") === words;
  if (!same)
    throw new ParleyError("registry_key_mismatch", {
      message:
        "The words differ: this registry shows another mesh than the operator's, so nothing was joined. Ask the operator for a link.",
    });
  await home.savePending(pending, "pending");
}

async function wait(context: CommandContext, home: Home, pending: PendingPairing): Promise<0> {
  const { out, input, signal } = context;
  const { name } = pending.identity;
  const facts = {
    state: "pending",
    name,
    member: pending.identity.member,
    pairing: pending.pairing,
    words: pending.words,
  };
  if (input.switch("no-wait")) {
    out.result(facts, () => {
      out.line(`@${name} waits for approval (request ${pending.pairing}).`);
      out.line(`An operator runs: parley member approve ${name}`);
      out.line(`The six words, for both to compare: ${pending.words}`);
    });
    return 0;
  }
  if (out.json) out.event(facts, "");
  out.note(`@${name} waits for approval. An operator runs: parley member approve ${name}`);
  out.note(`The six words, for both to compare: ${pending.words}`);
  out.progress("waiting for an operator…");
  return joined(context, home, await awaitAdmission(pending, { signal }));
}

/** `claimed`: the link by which the mesh was claimed. */
async function joined(context: CommandContext, home: Home, mesh: JoinedMesh, claimed?: InviteLink): Promise<0> {
  const { out } = context;
  await home.saveJoined(mesh);
  const door = claimed === undefined ? undefined : await admitDoor(context, claimed);
  const { identity, registry, roles } = mesh;
  const facts = {
    state: "admitted",
    name: identity.name,
    member: identity.member,
    mesh: mesh.trust.mesh,
    registry,
    roles,
    home: home.path,
    ...(door === undefined ? {} : { door }),
  };
  out.result(facts, () => {
    out.line(`@${identity.name} belongs to the mesh at ${registry} (${roles.join(", ")}).`);
    if (door !== undefined) out.line(`@${door.name}, the registry's plain door, is let in.`);
    if (roles.includes("operator")) out.line("You are its first operator. Next: parley invite create");
    else out.line(identity.kind === "agent" ? "Next: parley run" : "Next: parley agents");
  });
  return 0;
}

/** The home's member, made now if there is none. */
async function draftOf(context: CommandContext, home: Home): Promise<IdentityDraft> {
  const known = await home.draft();
  const wanted = await wantedMember(context);
  if (known !== undefined && known.name === wanted.name && known.kind === wanted.kind) return known;
  if (known !== undefined) {
    // Asking again under another name keeps the keys.
    const renamed = { ...known, name: wanted.given ? wanted.name : known.name };
    const file = await home.identityFile();
    if (file !== undefined && renamed.name !== known.name) await home.saveIdentityFile({ ...file, name: renamed.name });
    return renamed;
  }
  const { name, kind, label } = wanted;
  const draft = await createIdentityDraft({ name, kind, label });
  await home.saveDraft(draft);
  return draft;
}

interface WantedMember {
  readonly name: string;
  readonly kind: MemberKind;
  readonly label: string;
  /** Somebody asked for this name. */
  readonly given: boolean;
}

async function wantedMember({ input, settings, cwd }: CommandContext): Promise<WantedMember> {
  const folder = findAgentFolder(cwd);
  const asked = input.text("name");
  const text = asked ?? (folder === undefined ? userInfo().username : (await loadManifest(folder)).name);
  const name = parseName(text.replaceAll(" ", "-"));
  if (name === undefined)
    throw new ParleyError("invalid_name", {
      message: `"${text}" is not a name: 1-32 characters a-z, 0-9, '-', '_' or '.', beginning with a letter or digit; choose one with --name.`,
    });
  const kind = memberKindSchema.safeParse(input.text("kind") ?? (folder === undefined ? "person" : "agent"));
  if (!kind.success) throw new ParleyError("invalid_argument", { message: "--kind must be agent or person." });
  const label = labelOf(settings.get("label") ?? hostname());
  return { name, kind: kind.data, label, given: asked !== undefined };
}
