import { open } from "node:fs/promises";

import { auditError, AuditReader, type AuditView } from "@parley/client";
import { fileError } from "@parley/client/node";
import { auditHeaderLine, auditLine } from "@parley/core";
import { isParleyError } from "@parley/protocol";

import type { CommandModule } from "../command.ts";
import { withDevice } from "../open-device.ts";

/** Text that is written at once. */
const writeCharacters = 65_536;

/** Writes the whole log with all that it takes to verify it elsewhere. What does not hold is not written. */
export const run: CommandModule["run"] = async (context) => {
  const { input, out, signal } = context;
  const path = input.argument("file");
  return withDevice(context, async ({ device, home }) => {
    const { trust } = await home.mesh();
    const reader = new AuditReader({ device, trust: async () => (await home.mesh()).trust });
    const view = await reader.open();
    const file = await LineFile.create(path);
    try {
      await file.write(
        auditHeaderLine({
          mesh: trust.mesh,
          node: view.node.node,
          operators: [...trust.operators.chain],
          certificate: view.state.certificate,
        }),
      );
      for (const line of signedLines(view)) await file.write(line);
      const { flaw, from, to } = await reader.walk(view, undefined, {
        signal,
        onText: (text) => file.write(text),
        onMark: ({ number }) => out.progress(`exported up to entry ${number}…`),
      });
      if (flaw !== undefined) throw auditError(flaw, { file: path });
      await file.write(auditLine({ head: view.state.head }));
      await file.finish();
      const facts = { file: path, mesh: trust.mesh, node: view.node.node, first: from, last: to };
      out.result(facts, () => {
        out.line(`${path}: entries ${from} to ${to}`);
        out.note(`To verify it elsewhere: parley audit verify ${path} --mesh ${trust.mesh}`);
      });
      return 0;
    } finally {
      await file.close();
    }
  });
};

/** Checkpoints, and the witnesses whose entries are in the file. */
function* signedLines({ state, witnesses }: AuditView): Generator<string> {
  for (const checkpoint of state.checkpoints) yield auditLine({ checkpoint });
  for (const { compact, record } of witnesses) {
    // The card says nothing about who signs.
    const { card: _, ...proof } = record;
    yield auditLine({ witness: compact, record: proof });
  }
}

/** Lines that go to a file which must not be there yet. */
class LineFile {
  readonly #path: string;
  readonly #file: Awaited<ReturnType<typeof open>>;
  #text = "";

  private constructor(path: string, file: Awaited<ReturnType<typeof open>>) {
    this.#path = path;
    this.#file = file;
  }

  static async create(path: string): Promise<LineFile> {
    try {
      return new LineFile(path, await open(path, "wx", 0o600));
    } catch (error) {
      throw fileError(path, error);
    }
  }

  async write(line: string): Promise<void> {
    this.#text += `${line}\n`;
    if (this.#text.length >= writeCharacters) await this.finish();
  }

  async finish(): Promise<void> {
    const text = this.#text;
    this.#text = "";
    try {
      await this.#file.writeFile(text);
    } catch (error) {
      throw isParleyError(error) ? error : fileError(this.#path, error);
    }
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}
