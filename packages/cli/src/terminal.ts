/** Questions on the terminal. Nothing is asked where nobody can answer. */
import { createInterface } from "node:readline";
import { Writable } from "node:stream";

import { ParleyError } from "@parley/protocol";

export const isInteractive = (): boolean => process.stdin.isTTY && process.stderr.isTTY;

function readAnswer(question: string, echo: boolean, signal: AbortSignal): Promise<string> {
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  return new Promise((resolve, reject) => {
    process.stderr.write(question);
    const lines = createInterface({ input: process.stdin, output: echo ? process.stderr : silent, terminal: true });
    const stop = (): void => {
      lines.off("close", stop);
      signal.removeEventListener("abort", stop);
      lines.close();
      process.stderr.write("\n");
      reject(new ParleyError("canceled", { message: "The question was not answered." }));
    };
    lines.once("SIGINT", stop);
    // The end of the input (Ctrl-D) answers nothing.
    lines.once("close", stop);
    signal.addEventListener("abort", stop, { once: true });
    lines.once("line", (line) => {
      lines.off("close", stop);
      signal.removeEventListener("abort", stop);
      lines.close();
      if (!echo) process.stderr.write("\n");
      resolve(line);
    });
  });
}

/** Yes or no; anything else asks again, three times at most. */
export async function askYesNo(question: string, signal: AbortSignal): Promise<boolean> {
  for (let attempt = 0; attempt < 3; attempt++) {
    const answer = (await readAnswer(`${question} [yes/no] `, true, signal)).trim().toLowerCase();
    if (answer === "yes" || answer === "y") return true;
    if (answer === "no" || answer === "n") return false;
  }
  return false;
}

/** A passphrase, not shown while it is typed; `twice` asks again to compare. */
export async function askPassphrase(signal: AbortSignal, twice: boolean): Promise<string> {
  if (!isInteractive())
    throw new ParleyError("invalid_argument", {
      message: "A passphrase is needed and nobody can be asked for it; set PARLEY_PASSPHRASE.",
    });
  const first = await readAnswer("Passphrase: ", false, signal);
  if (twice && (await readAnswer("Once more: ", false, signal)) !== first)
    throw new ParleyError("invalid_argument", { message: "The two passphrases differ." });
  return first;
}

/** One line of text. */
export const askText = (question: string, signal: AbortSignal): Promise<string> => readAnswer(question, true, signal);

/** A secret, not shown while it is typed. */
export const askSecret = (question: string, signal: AbortSignal): Promise<string> =>
  readAnswer(question, false, signal);
