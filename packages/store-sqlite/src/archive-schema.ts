import type { Schema } from "./database.ts";

/**
 * What a device remembers of its conversations. The number of a conversation is never given again: messages of one that is `gone` are
 * out of sight at once and deleted by and by. `message_words` has a row for each text: its words as `searchWords` folds them, which its
 * tokenizer leaves as they are, and marks of its conversation and author.
 */
export const archiveSchema: Schema = {
  applicationId: 0x50_61_72_61, // "Para"
  migrations: [
    `
    CREATE TABLE conversation (
      number INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, messages INTEGER NOT NULL, unread INTEGER NOT NULL,
      mentions INTEGER NOT NULL, read INTEGER NOT NULL, mark TEXT, last_sort INTEGER NOT NULL, touched INTEGER NOT NULL
    );
    CREATE INDEX conversation_by_touched ON conversation (touched);
    CREATE TABLE gone (number INTEGER PRIMARY KEY);

    CREATE TABLE message (
      place INTEGER PRIMARY KEY, conversation INTEGER NOT NULL, id TEXT NOT NULL, sort INTEGER NOT NULL, thread TEXT,
      own INTEGER NOT NULL, mentioned INTEGER, replies INTEGER NOT NULL, bytes INTEGER NOT NULL, author TEXT NOT NULL,
      name TEXT NOT NULL, device TEXT, created INTEGER NOT NULL, taken INTEGER NOT NULL, path TEXT, protection TEXT NOT NULL,
      unreadable TEXT, state TEXT, edited INTEGER, retracted INTEGER, reactions TEXT, via TEXT, content TEXT NOT NULL
    );
    CREATE UNIQUE INDEX message_by_sort ON message (conversation, sort);
    CREATE UNIQUE INDEX message_by_id ON message (conversation, id);
    CREATE INDEX message_by_thread ON message (conversation, thread, sort) WHERE thread IS NOT NULL;
    CREATE INDEX message_unread ON message (conversation, sort, mentioned) WHERE own = 0;
    CREATE VIRTUAL TABLE message_words USING fts5 (
      words, content = '', contentless_delete = 1, detail = none, tokenize = 'ascii', prefix = '2 3'
    );

    CREATE TABLE waiting (
      place INTEGER PRIMARY KEY, conversation INTEGER NOT NULL, of TEXT NOT NULL, bytes INTEGER NOT NULL, change TEXT NOT NULL
    );
    CREATE INDEX waiting_by_message ON waiting (conversation, of, place);
    CREATE INDEX waiting_by_place ON waiting (conversation, place, bytes);
    CREATE TABLE tally (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
    `,
  ],
};
