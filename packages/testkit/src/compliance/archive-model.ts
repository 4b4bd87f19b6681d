import type { Archive, ArchiveChange, NewMessage } from "@parley/core";
import { openMemoryArchive } from "@parley/core";
import type { AnyContent } from "@parley/protocol";
import type { Arbitrary } from "fast-check";
import {
  array,
  assert,
  asyncProperty,
  boolean,
  constant,
  constantFrom,
  integer,
  oneof,
  option,
  record,
} from "fast-check";
import { expect, it } from "vitest";

import { archiveBoundsUnderTest, message } from "./archive-messages.ts";
import type { Bench } from "./subject.ts";

const conversations = ["#one", "#two", "@three"];
const members = ["m1", "m2"];
const words = ["alpha", "alphabet beta", "Álpha gamma", "beta", ""];

const conversation = constantFrom(...conversations);
const id = integer({ min: 1, max: 12 }).map((number) => `i${number}`);
const member = constantFrom(...members);
const text = constantFrom(...words).map((each) => `${each} said`);
const at = integer({ min: 0, max: 5 });
const maybe = <Value>(value: Arbitrary<Value>): Arbitrary<Value | undefined> => option(value, { nil: undefined });

const content: Arbitrary<AnyContent> = oneof(
  { weight: 4, arbitrary: text.map((text) => ({ type: "text", text })) },
  { weight: 2, arbitrary: record({ type: constant("text"), text, thread: id }) },
  { weight: 1, arbitrary: constant({ type: "sealed", secret: "s", salt: "t", box: "b" }) },
  { weight: 1, arbitrary: constant({ type: "poll" }) },
)
  // With the usual prototype, as JSON has it.
  .map((each) => ({ ...each }));

const newMessage: Arbitrary<NewMessage> = record({
  conversation,
  id,
  author: member,
  sort: maybe(integer({ min: 1, max: 15 })),
  content,
  own: boolean(),
  mentioned: boolean(),
}).map(({ sort, ...rest }) => message(rest.id, sort === undefined ? rest : { ...rest, sort }));

const change: Arbitrary<ArchiveChange> = oneof(
  { weight: 6, arbitrary: record({ type: constant("message" as const), message: newMessage }) },
  record({ type: constant("edit" as const), conversation, of: id, by: member, at, text }),
  record({ type: constant("retract" as const), conversation, of: id, by: member, at }),
  record({
    type: constant("reaction" as const),
    conversation,
    of: id,
    by: member,
    reaction: constantFrom("+", "1"),
    on: boolean(),
  }),
  record({
    type: constant("state" as const),
    conversation,
    id,
    state: constantFrom("stored" as const, "delivered", "expired"),
  }),
  record({ type: constant("opened" as const), conversation, id, content, mentioned: boolean() }),
  record({ type: constant("read" as const), conversation, upTo: integer({ min: 0, max: 20 }) }),
  record({ type: constant("mark" as const), conversation, mark: maybe(constantFrom("x", "y")) }),
);

type Step =
  | { readonly step: "apply"; readonly changes: readonly ArchiveChange[] }
  | { readonly step: "remove"; readonly conversation: string };

const steps: Arbitrary<readonly Step[]> = array(
  oneof(
    { weight: 8, arbitrary: record({ step: constant("apply" as const), changes: array(change, { maxLength: 12 }) }) },
    { weight: 1, arbitrary: record({ step: constant("remove" as const), conversation }) },
  ),
  { maxLength: 12 },
);

const take = (archive: Archive, step: Step): Promise<void> =>
  step.step === "apply" ? archive.apply(step.changes) : archive.remove(step.conversation);

/** It opens an archive for each series, and so waits for the disk. */
const modelLimitMs = 60_000;

/** That an Archive is the same as the one in memory. */
export function describeArchiveModel(bench: Bench<Archive>): void {
  it(
    "knows what the archive in memory knows after any series of changes under way together",
    async () => {
      await assert(
        asyncProperty(steps, async (series) => {
          const { port: archive, subject } = await bench.open();
          const model = openMemoryArchive(archiveBoundsUnderTest);
          await Promise.all(series.map((step) => take(archive, step)));
          await Promise.all(series.map((step) => take(model, step)));
          expect(await known(archive)).toEqual(await known(model));
          await subject.teardown();
        }),
        { numRuns: 40 },
      );
    },
    modelLimitMs,
  );
}

/** All that an archive knows. */
async function known(archive: Archive): Promise<unknown> {
  const pages = conversations.flatMap((conversation) => [
    archive.messages({ conversation }),
    archive.messages({ conversation, after: 4, before: 9 }),
    archive.messages({ conversation, limit: 3, before: 12 }),
    archive.messages({ conversation, thread: "i3", after: 0, limit: 2 }),
    archive.messages({ conversation, thread: "i4", limit: 2 }),
  ]);
  const searches = ["alpha", "alphabet", "beta said", "said gam"].flatMap((text) => [
    archive.search({ text }),
    archive.search({ text, conversation: "#one", limit: 2 }),
    archive.search({ text, author: "m2" }),
  ]);
  return [await archive.conversations(), await Promise.all(pages), await Promise.all(searches)];
}
