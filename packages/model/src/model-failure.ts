/** What becomes of a provider's error: a code that says whether trying again can help, and words that give nothing away. */
import { type ErrorCode, isParleyError, ParleyError } from "@parley/protocol";
import { APICallError, RetryError, StreamProviderError } from "ai";

/** Why a call of a model failed, for the agent's own log. */
export interface FailureFacts {
  readonly code: ErrorCode;
  readonly status: number | undefined;
  /** The provider's words; never the request. */
  readonly says: string;
}

/** Characters of a provider's words in a log. */
const mostWords = 500;

/** A failure in both forms. What has a code already keeps it. */
export function failureOf(thrown: unknown): { readonly error: ParleyError; readonly facts: FailureFacts } {
  const last = RetryError.isInstance(thrown) ? thrown.lastError : thrown;
  if (isParleyError(last)) return { error: last, facts: { code: last.code, status: undefined, says: last.message } };
  const { status, retryable } = kindOf(last);
  const code = retryable ? "model_unavailable" : "model_refused";
  const says = (last instanceof Error ? last.message : String(last)).slice(0, mostWords);
  return { error: new ParleyError(code), facts: { code, status, says } };
}

function kindOf(thrown: unknown): { readonly status: number | undefined; readonly retryable: boolean } {
  if (APICallError.isInstance(thrown) || StreamProviderError.isInstance(thrown))
    return { status: thrown.statusCode, retryable: thrown.isRetryable };
  // What is no answer of the provider is a line that broke.
  const isBroken =
    thrown instanceof TypeError || (thrown instanceof Error && /fetch|socket|terminated|network/i.test(thrown.message));
  return { status: undefined, retryable: isBroken };
}
