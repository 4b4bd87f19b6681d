/** Verifies what is signed about an audit log: heads, checkpoints and witnesses. */
import { ParleyError, type Statement } from "@parley/protocol";

import { sha256 } from "../trust/keys.ts";
import { verifyStatement } from "../trust/statement.ts";
import type { AuditPlace } from "./audit-walk.ts";

/** The node whose log it is, with the key that its certificate names. */
export interface AuditNode {
  readonly mesh: string;
  readonly node: string;
  readonly key: string;
}

/** Verifies that a head or a checkpoint is of this node. Throws `bad_signature` or `wrong_mesh`. */
export async function verifyByNode<Type extends "head" | "checkpoint">(
  type: Type,
  compact: string,
  { mesh, node, key }: AuditNode,
): Promise<Statement<Type>> {
  const said: Statement<"head" | "checkpoint"> = await verifyStatement(type, compact, key);
  if (said.mesh !== mesh) throw new ParleyError("wrong_mesh");
  if (said.node !== node)
    throw new ParleyError("bad_signature", { message: `A ${type} statement is about another node's audit log.` });
  return said as Statement<Type>;
}

/** Verifies checkpoints, oldest first: each follows the one before it. Throws `audit_broken` or `bad_signature`. */
export async function verifyCheckpoints(
  compacts: readonly string[],
  node: AuditNode,
): Promise<readonly Statement<"checkpoint">[]> {
  const checkpoints: Statement<"checkpoint">[] = [];
  let previous: string | undefined;
  for (const compact of compacts) {
    const checkpoint = await verifyByNode("checkpoint", compact, node);
    const { from, to, count } = checkpoint;
    const before = checkpoints.at(-1);
    const follows = before === undefined || (checkpoint.previous === previous && from === before.to + 1);
    if (!follows || count !== to - from + 1)
      throw new ParleyError("audit_broken", {
        message: "A checkpoint of the audit log does not follow the one before it.",
      });
    checkpoints.push(checkpoint);
    previous = await sha256(compact);
  }
  return checkpoints;
}

/** The place where entries begin that follow a checkpoint. */
export function placeAfter({ to, hash }: Statement<"checkpoint">): AuditPlace {
  return { number: to, hash };
}
