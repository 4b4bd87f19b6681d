import {
  auditHeaderLine,
  auditLine,
  auditStart,
  createEncryptionKey,
  createSigner,
  sha256,
  signStatement,
} from "@parley/core";
import { type AuditEntry, encodeAuditEntry } from "@parley/protocol";

const time = Date.UTC(2026, 0, 1);

/** A log of so many entries as it is exported, with a checkpoint and a witness where asked for, and who it is of. */
export async function exportedLog(options: { entries: number; trimmed?: boolean; witnessed?: number }) {
  const [operator, device, node] = await Promise.all([
    createSigner("member"),
    createSigner("device"),
    createSigner("node"),
  ]);
  const genesis = await signStatement(
    "genesis",
    { nonce: "AAAAAAAAAAAAAAAAAAAAAA", operators: [{ member: operator.id, key: operator.publicKey }], iat: time },
    operator,
  );
  const mesh = await sha256(genesis);
  const exp = time + 86_400_000;
  const certificate = await signStatement(
    "node",
    { mesh, node: node.id, key: node.publicKey, iat: time, exp },
    operator,
  );
  let place = options.trimmed === true ? { number: 7, hash: await sha256("gone") } : await auditStart(node.id);
  const first = place.number + 1;
  const entries: string[] = [];
  const places = [place];
  const lines = [auditHeaderLine({ mesh, node: node.id, operators: [genesis], certificate })];
  if (options.trimmed === true)
    lines.push(
      auditLine({
        checkpoint: await signStatement(
          "checkpoint",
          { mesh, node: node.id, from: 1, to: 7, hash: place.hash, count: 7, iat: time },
          node,
        ),
      }),
    );
  for (let count = 0; count < options.entries; count++) {
    const entry: AuditEntry = {
      seq: place.number + 1,
      at: time + count,
      node: node.id,
      before: place.hash,
      act: "invite.created",
      by: { member: operator.id, device: device.id },
      subject: `invite-${count}`,
      outcome: "done",
      facts: { kind: "link", uses: count },
    };
    const text = encodeAuditEntry(entry);
    place = { number: entry.seq, hash: await sha256(text) };
    places.push(place);
    entries.push(text);
  }
  if (options.witnessed !== undefined) {
    const seen = places[options.witnessed];
    const record = await recordOf(mesh, operator, device);
    const { number = 0, hash = "" } = seen ?? {};
    const witness = await signStatement(
      "witness",
      { mesh, member: operator.id, device: device.id, node: node.id, epoch: "e", number, hash, iat: time },
      device,
    );
    lines.push(auditLine({ witness, record }));
  }
  lines.push(...entries);
  const head = await signStatement(
    "head",
    { mesh, node: node.id, epoch: "e", number: place.number, hash: place.hash, iat: time },
    node,
  );
  lines.push(auditLine({ head }));
  return { mesh, node, operator, device, genesis, first, entries, lines, text: textOf(lines) };
}

export const textOf = (lines: readonly string[]): string => lines.map((line) => `${line}\n`).join("");

async function recordOf(
  mesh: string,
  operator: Awaited<ReturnType<typeof createSigner>>,
  device: Awaited<ReturnType<typeof createSigner>>,
) {
  const encryption = await createEncryptionKey();
  const admission = await signStatement(
    "admission",
    {
      mesh,
      member: operator.id,
      name: "olivia",
      kind: "person",
      roles: ["operator", "admin"],
      number: 1,
      iat: time,
      exp: time + 86_400_000,
    },
    operator,
  );
  const devices = await signStatement(
    "devices",
    {
      mesh,
      member: operator.id,
      number: 1,
      devices: [{ device: device.id, key: device.publicKey, label: "laptop", since: time }],
      encryption: { kid: encryption.kid, key: encryption.publicKey },
      iat: time,
    },
    operator,
  );
  return { root: operator.publicKey, rotations: [], admission, devices };
}
