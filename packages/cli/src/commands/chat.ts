import { isParleyError, ParleyError } from "@parley/protocol";

import type { CommandContext } from "../command-context.ts";
import type { CommandModule } from "../command.ts";
import { openDevice } from "../open-device.ts";

/** Shows conversations until their person, or a signal, ends it. */
export const run: CommandModule["run"] = async (context) => {
  const { input, out, signal } = context;
  if (out.json)
    throw new ParleyError("invalid_argument", {
      message: "A chat is for people; `parley listen --json` and `parley send --json` are for programs.",
    });
  const plain = input.switch("plain") || !fillsTerminal();
  let open = input.optionalArgument("conversation");
  // A holder that goes hands over: this process attaches to the next one, or becomes it, and shows the same again.
  for (let isDone = true; ;) {
    const chat = await chatOnce(context, plain, open);
    isDone &&= chat.isDone;
    // A person saw what could not be done; a program has the exit code.
    if (!chat.handedOver || signal.aborted) return isDone || process.stdin.isTTY ? 0 : 1;
    open = chat.open ?? open;
  }
};

/** Both ends are a terminal, and one that can place text anywhere. */
const fillsTerminal = (): boolean => process.stdin.isTTY && process.stdout.isTTY && process.env["TERM"] !== "dumb";

interface ChatEnd {
  /** The process that held the device went. */
  readonly handedOver: boolean;
  /** What was open last. */
  readonly open: string | undefined;
  /** Everything that was asked for could be done. */
  readonly isDone: boolean;
}

async function chatOnce(context: CommandContext, plain: boolean, open: string | undefined): Promise<ChatEnd> {
  const opened = await openDevice(context, { stays: true, atOnce: true, quiet: !plain && process.stderr.isTTY });
  const { device, holderGone } = opened;
  const gone = new AbortController();
  void holderGone?.then(() => gone.abort());
  const withholdsRead = context.settings.get("read-receipts") === "withhold";
  const options = { device, open, withholdsRead, signal: AbortSignal.any([context.signal, gone.signal]) };
  try {
    const { runChat, runPlainChat } = await import("@parley/chat");
    const { stdin, stdout, env } = process;
    if (!plain) {
      const last = await runChat({ ...options, stdin, stdout, environment: env });
      return { handedOver: gone.signal.aborted, open: last, isDone: true };
    }
    const isDone = await runPlainChat({ ...options, input: stdin, output: stdout, interactive: stdout.isTTY });
    return { handedOver: gone.signal.aborted, open: undefined, isDone };
  } catch (error) {
    if (holderGone === undefined || !isParleyError(error) || error.code !== "closed") throw error;
    return { handedOver: true, open, isDone: true };
  } finally {
    await opened.close();
  }
}
