/** What is typed of an agreement's terms. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import path from "node:path";

import { fileError } from "@parley/client/node";
import {
  type AgreementTerms,
  agreementTermsSchema,
  type Evidence,
  issueOf,
  limits,
  ParleyError,
  type Price,
  priceSchema,
} from "@parley/protocol";

import type { CommandInput } from "./command-context.ts";
import type { CommandOption } from "./command.ts";

export const termOptions: readonly CommandOption[] = [
  { name: "skill", value: "SKILL", means: "the skill by which it is done" },
  { name: "price", value: "PRICE", means: "an amount and a currency, for example '12.5 EUR'" },
  { name: "payment", value: "TEXT", means: "how it is paid: an address, an invoice number, a code" },
  { name: "conditions", value: "TEXT", means: "what else is agreed" },
  {
    name: "deadline",
    value: "TIME",
    means: "when it has to be delivered, from now, for example 3d (default: in 90 days)",
  },
  { name: "review", value: "TIME", means: "how long what was delivered may be looked at (default: 7d)" },
  { name: "settle", value: "TIME", means: "how long a dispute may last (default: 7d)" },
  { name: "for", value: "TIME", means: "how long it can be accepted (default: 1d)" },
];

/** `12.5 EUR` as a price. Throws `invalid_argument`. */
export function parsePrice(text: string): Price {
  const [amount, currency, ...rest] = text.trim().split(/\s+/);
  const price = priceSchema.safeParse({ amount: amount?.replace(/(\.\d*?)0+$/, "$1").replace(/\.$/, ""), currency });
  if (price.success && rest.length === 0) return price.data;
  throw new ParleyError("invalid_argument", {
    message: "A price is an amount and a currency, for example '12.5 EUR'.",
  });
}

export const priceText = ({ amount, currency }: Price): string => `${amount} ${currency}`;

/** The terms that are typed; what is not typed is as in `before`. */
export function readTerms(
  input: CommandInput,
  task: string | undefined,
  before?: AgreementTerms,
): { readonly terms: AgreementTerms; readonly lifeMs: number | undefined } {
  const most = limits.agreementWaitMs;
  const price = input.text("price");
  const deadlineMs = input.duration("deadline", 2 * most);
  const typed = {
    task,
    skill: input.text("skill"),
    price: price === undefined ? undefined : parsePrice(price),
    payment: input.text("payment"),
    conditions: input.text("conditions"),
    deadline: deadlineMs === undefined ? undefined : Date.now() + deadlineMs,
    review: input.duration("review", most),
    settle: input.duration("settle", most),
  };
  const given = Object.fromEntries(Object.entries(typed).filter(([, value]) => value !== undefined));
  const terms = agreementTermsSchema.safeParse({ ...before, ...given });
  if (!terms.success) throw new ParleyError("invalid_argument", { message: issueOf(terms.error) });
  const lifeMs = input.duration("for", most);
  // Nobody accepts what could not be delivered any more.
  const leftMs = terms.data.deadline === undefined ? Infinity : terms.data.deadline - Date.now();
  return { terms: terms.data, lifeMs: lifeMs ?? (leftMs < defaultLifeMs ? Math.max(1, leftMs - marginMs) : undefined) };
}

const defaultLifeMs = 86_400_000;
/** The device's clock and the registry's differ a little. */
const marginMs = 1000;

/** Files by their hashes. Throws when one cannot be read. */
export async function readEvidence(files: readonly string[], cwd: string): Promise<Evidence[]> {
  const evidence: Evidence[] = [];
  for (const file of files) {
    const hash = createHash("sha256");
    try {
      for await (const chunk of createReadStream(path.resolve(cwd, file))) hash.update(chunk as Uint8Array);
    } catch (error) {
      throw fileError(file, error);
    }
    evidence.push({ digest: hash.digest("base64url"), label: path.basename(file).slice(0, limits.labelCharacters) });
  }
  return evidence;
}
