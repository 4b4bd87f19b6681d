/** Text from the standard input, as `-` asks for it. */
import { limits, ParleyError } from "@parley/protocol";

/** Reads to the end of the input, without its last newline. Throws `too_large`, or `canceled` when stopped. */
export async function readInput(signal: AbortSignal, input: NodeJS.ReadableStream = process.stdin): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  const stop = (): void => void ("destroy" in input && typeof input.destroy === "function" && input.destroy());
  signal.addEventListener("abort", stop, { once: true });
  try {
    for await (const part of input) {
      const buffer = Buffer.from(part);
      bytes += buffer.length;
      if (bytes > limits.envelopeBytes)
        throw new ParleyError("too_large", {
          message: `A message holds at most ${limits.envelopeBytes} bytes; --attach sends more.`,
        });
      parts.push(buffer);
    }
  } catch (error) {
    throw signal.aborted ? new ParleyError("canceled") : error;
  } finally {
    signal.removeEventListener("abort", stop);
  }
  if (signal.aborted) throw new ParleyError("canceled");
  return Buffer.concat(parts)
    .toString("utf8")
    .replace(/\r?\n$/, "");
}
