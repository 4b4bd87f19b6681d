/** The statements of a task on the board, one after the other: making the next, and verifying who said it. */
import { fromBase64url, ParleyError, type Statement, toBase64url } from "@parley/protocol";

import { sha256, type Signer } from "../trust/keys.ts";
import { peekStatement, signStatement, verifyStatement } from "../trust/statement.ts";

/** The id of a task that its asker calls by a key of its own: the same key is the same task. */
export async function boardTaskId(mesh: string, member: string, key: string): Promise<string> {
  const hash = fromBase64url(await sha256(`parley-board-task-v1:${mesh}:${member}:${key}`)) ?? new Uint8Array();
  return toBase64url(hash.subarray(0, 16));
}

/** Says what follows on `entries`. */
export async function signBoardAct(
  entries: readonly string[],
  { mesh, by, signer, iat }: { readonly mesh: string; readonly by: string; readonly signer: Signer; readonly iat: number },
  act: Pick<Statement<"board-act">, "act" | "generation" | "result" | "code">,
): Promise<string> {
  const first = peekStatement("board-task", entries[0] ?? "");
  const previous = await sha256(entries.at(-1) ?? "");
  return signStatement(
    "board-act",
    { mesh, subject: first.subject, number: entries.length + 1, previous, by, iat, ...act },
    signer,
  );
}

export interface BoardSigner {
  readonly mesh: string;
  readonly member: string;
  /** Raw public key of a device of the member; undefined when it lists none of this id. */
  readonly keyOf: (device: string) => string | undefined;
}

/** Verifies what an asker wants done. Throws `bad_signature`, `wrong_mesh`, `forbidden`. */
export async function verifyBoardTask(compact: string, by: BoardSigner): Promise<Statement<"board-task">> {
  const { signer } = peekStatement("board-task", compact);
  const said = await verifyStatement("board-task", compact, listedKey(by, signer));
  checkSaid(said, by);
  if (said.key !== undefined && said.subject !== (await boardTaskId(said.mesh, said.by, said.key)))
    throw new ParleyError("bad_signature", { message: "The id of a task on the board is not the one of its key." });
  return said;
}

/** Verifies an act that follows on `entries`. Throws the same, and `conflict` when it follows on others. */
export async function verifyBoardAct(
  compact: string,
  entries: readonly string[],
  by: BoardSigner,
): Promise<Statement<"board-act">> {
  const { signer } = peekStatement("board-act", compact);
  const said = await verifyStatement("board-act", compact, listedKey(by, signer));
  checkSaid(said, by);
  const first = peekStatement("board-task", entries[0] ?? "");
  if (said.subject !== first.subject)
    throw new ParleyError("bad_signature", { message: "An act is of another task on the board." });
  if (said.number !== entries.length + 1 || said.previous !== (await sha256(entries.at(-1) ?? "")))
    throw new ParleyError("conflict", { message: "An act does not follow on what was said of the task." });
  return said;
}

function listedKey({ keyOf }: BoardSigner, signer: string): string {
  const key = keyOf(signer);
  if (key !== undefined) return key;
  throw new ParleyError("bad_signature", { message: "A task on the board is signed by a device that is not listed." });
}

function checkSaid(said: { readonly mesh: string; readonly by: string }, by: BoardSigner): void {
  if (said.mesh !== by.mesh) throw new ParleyError("wrong_mesh");
  if (said.by !== by.member) throw new ParleyError("bad_signature", { message: "A statement names another member." });
}
