/** A device's archive on SQLite with many messages, searched as a person searches it. */
import path from "node:path";

import type { Archive, NewMessage } from "@parley/core";
import { openSqliteArchive } from "@parley/store-sqlite";

import { type LoadFigures, repeatCall } from "../load.ts";
import { answerCommands } from "../role.ts";

const conversation = `#${"C".repeat(43)}`;
const author = "A".repeat(43);
const vocabulary = 20_000;
const wordsPerMessage = 12;
const appliedAtOnce = 500;
/** One message in so many has the rare word. */
const rareEvery = 10_000;

let archive: Archive | undefined;
let seed = 1;

/** A number from 0 to 1, the same ones in every run: Park and Miller's generator. */
function next(): number {
  seed = (seed * 48_271) % 2_147_483_647;
  return seed / 2_147_483_647;
}

/** Few words are frequent and many are rare, as in what people write. */
const word = (): string => `w${Math.floor(vocabulary ** next())}x`;

function messageOf(number: number): NewMessage {
  const words = Array.from({ length: wordsPerMessage }, word);
  if (number % rareEvery === 0) words.push("needle");
  words.push("common");
  return {
    conversation,
    id: `m${number}`,
    author,
    name: "anna",
    device: undefined,
    created: number,
    taken: number,
    content: { type: "text", text: words.join(" ") },
    path: undefined,
    protection: "signed",
    own: false,
  };
}

function archiveOf(): Archive {
  if (archive === undefined) throw new Error("there is no archive");
  return archive;
}

const commands = {
  async fill({ dir, messages }: { dir: string; messages: number }): Promise<void> {
    archive = openSqliteArchive(path.join(dir, "archive.db"));
    for (let from = 0; from < messages; from += appliedAtOnce) {
      const count = Math.min(appliedAtOnce, messages - from);
      const changes = Array.from({ length: count }, (_, at) => ({
        type: "message" as const,
        message: messageOf(from + at),
      }));
      await archive.apply(changes);
    }
  },
  /** Milliseconds that a search takes, again and again; it has to find something. */
  search({ text, seconds }: { text: string; seconds: number }): Promise<LoadFigures> {
    const search = async (): Promise<void> => {
      if ((await archiveOf().search({ text })).length === 0) throw new Error(`${text}: nothing was found`);
    };
    return repeatCall(search, { seconds, inFlight: 1 });
  },
  /** The same for the newest page. */
  readNewest(seconds: number): Promise<LoadFigures> {
    const read = async (): Promise<void> => {
      if ((await archiveOf().messages({ conversation })).messages.length === 0) throw new Error("nothing was read");
    };
    return repeatCall(read, { seconds, inFlight: 1 });
  },
};

export type ArchiveCommands = typeof commands;
answerCommands(commands);
