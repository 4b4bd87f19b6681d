import path from "node:path";
import { DatabaseSync } from "node:sqlite";

import { openSqliteArchive } from "@parley/store-sqlite";
import { expectCode } from "@parley/testkit/compliance/subject";
import { describe, expect, it } from "vitest";

import { archiveBounds, conversationOf } from "./children/archived-numbers.ts";
import { makeFolder } from "./folder.ts";
import { acknowledgedBeforeKill } from "./killed-writer.ts";

const fileIn = (dir: string): string => path.join(dir, "archive.sqlite");

describe("an archive on SQLite", () => {
  it("has all that it acknowledged when its process is killed, within its bounds, and everything fits together", async () => {
    const folder = await makeFolder();
    const acknowledged = await acknowledgedBeforeKill("archive-until-killed.ts", folder.path, 3000);
    expect(acknowledged.length).toBeGreaterThan(archiveBounds.maxMessages);
    const archive = openSqliteArchive(fileIn(folder.path), archiveBounds);
    for (const number of acknowledged.slice(-500).filter((each) => conversationOf(each) === "#kept")) {
      const message = await archive.message("#kept", `n${number}`);
      const words = number % 3 === 1 ? `edited${number}` : `plain${number}`;
      expect(message?.content.type).toBe(number % 3 === 2 ? "retract" : "text");
      expect((await archive.search({ text: words })).map(({ id }) => id)).toEqual(
        number % 3 === 2 ? [] : [`n${number}`],
      );
    }
    await archive.close();
    expect(wrongIn(fileIn(folder.path))).toEqual([]);
    await folder.remove();
  });

  it("deletes what a lower bound no longer allows, and what was removed, by and by", async () => {
    const folder = await makeFolder();
    await acknowledgedBeforeKill("archive-until-killed.ts", folder.path, 1500);
    const first = openSqliteArchive(fileIn(folder.path));
    await first.remove("#removed");
    await first.close();
    const archive = openSqliteArchive(fileIn(folder.path), { maxMessages: 10 });
    await archive.apply([]);
    expect((await archive.conversations()).map(({ messages }) => messages)).toEqual([10]);
    await archive.close();
    expect(wrongIn(fileIn(folder.path))).toEqual([]);
    await folder.remove();
  });

  it("is held by one, and refuses a file of something else", async () => {
    const folder = await makeFolder();
    const file = fileIn(folder.path);
    const archive = openSqliteArchive(file);
    const open = async (): Promise<void> => openSqliteArchive(file).close();
    await expectCode(open(), "device_in_use");
    await archive.close();
    await open();
    const raw = new DatabaseSync(file);
    raw.exec("PRAGMA application_id = 7");
    raw.close();
    await expectCode(open(), "storage_unavailable");
    await folder.remove();
  });

  it("gives up what came first when its file is full", async () => {
    const folder = await makeFolder();
    const archive = openSqliteArchive(fileIn(folder.path), { maxFileBytes: 2_000_000 });
    const text = "x".repeat(20_000);
    for (let number = 1; number <= 300; number++) {
      const rest = {
        author: "mate",
        name: "mate",
        device: undefined,
        created: 1,
        taken: 1,
        path: undefined,
        own: false,
      };
      const message = { conversation: "#full", id: `n${number}`, content: { type: "text", text }, ...rest } as const;
      await archive.apply([{ type: "message", message: { ...message, protection: "sealed" } }]);
    }
    const { messages } = await archive.messages({ conversation: "#full" });
    expect(messages.at(-1)?.id).toBe("n300");
    await archive.close();
    expect(wrongIn(fileIn(folder.path))).toEqual([]);
    await folder.remove();
  });
});

/** Where what is counted in an archive's file is not what is there, and what is left of what went. */
function wrongIn(file: string): readonly string[] {
  const raw = new DatabaseSync(file);
  const ofConversation = "FROM message WHERE conversation = number";
  const unread = `${ofConversation} AND own = 0 AND sort > read`;
  const checks = {
    messages: `SELECT 1 FROM conversation WHERE messages <> (SELECT count(*) ${ofConversation})`,
    unread: `SELECT 1 FROM conversation WHERE unread <> (SELECT count(*) ${unread})`,
    mentions: `SELECT 1 FROM conversation WHERE mentions <> (SELECT count(*) ${unread} AND mentioned = 1)`,
    replies: `SELECT 1 FROM message WHERE replies <>
      (SELECT count(*) FROM message AS reply WHERE reply.conversation = message.conversation AND reply.thread = message.id)`,
    "left behind": `SELECT 1 FROM message WHERE conversation NOT IN (SELECT number FROM conversation UNION SELECT number FROM gone)`,
    entries: "SELECT 1 FROM tally WHERE name = 'entries' AND value <> (SELECT count(*) FROM message)",
    bytes: "SELECT 1 FROM tally WHERE name = 'bytes' AND value <> (SELECT sum(bytes) FROM message)",
    words: `SELECT 1 FROM message LEFT JOIN message_words ON message_words.rowid = place
      WHERE (json_extract(content, '$.type') = 'text') <> (message_words.rowid IS NOT NULL)`,
    "words of nothing": "SELECT 1 FROM message_words WHERE rowid NOT IN (SELECT place FROM message)",
  };
  const wrong = Object.entries(checks).filter(([, sql]) => raw.prepare(sql).get() !== undefined);
  raw.close();
  return wrong.map(([what]) => what);
}
