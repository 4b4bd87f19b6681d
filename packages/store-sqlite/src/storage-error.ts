import { isParleyError, ParleyError } from "@parley/protocol";

/** Primary result codes of SQLite (sqlite.org/rescode.html) and what they mean to an operator. */
const sqliteReasons = new Map<number, StorageReason>([
  [3, "rights"],
  [5, "held"],
  [6, "held"],
  [8, "rights"],
  [10, "io"],
  [11, "corrupt"],
  [13, "full"],
  [14, "rights"],
  [23, "rights"],
  [26, "corrupt"],
]);

const fileReasons = new Map<string, StorageReason>([
  ["EACCES", "rights"],
  ["EPERM", "rights"],
  ["EROFS", "rights"],
  ["ENOTDIR", "rights"],
  ["EEXIST", "rights"],
  ["EISDIR", "rights"],
  ["ENOENT", "rights"],
  ["ENOSPC", "full"],
  ["EDQUOT", "full"],
]);

/** In `data.reason` of `storage_unavailable`. `foreign`: the file belongs to something else. */
export type StorageReason = "full" | "rights" | "held" | "corrupt" | "foreign" | "io";

const sentences: Record<StorageReason, string> = {
  full: "The disk or the store's own limit is full; free some space.",
  rights: "It cannot be opened or written; check that the folder exists and its rights.",
  held: "Another process has it open.",
  corrupt: "It is not an intact database; restore a backup.",
  foreign: "It is a database of something else.",
  io: "Reading or writing failed; check the disk.",
};

/** A coded error of the storage. `what` names the file or folder. */
export function storageError(what: string, reason: StorageReason, cause?: unknown): ParleyError {
  const message = `${what}: ${sentences[reason]}`;
  return new ParleyError(reason === "full" ? "storage_full" : "storage_unavailable", {
    message,
    cause,
    data: { reason },
  });
}

/** What SQLite or the file system threw, as a coded error. An error that has a code already stays as it is. */
export function toStorageError(what: string, error: unknown): ParleyError {
  if (isParleyError(error)) return error;
  return storageError(what, reasonOf(error), error);
}

function reasonOf(error: unknown): StorageReason {
  if (!(error instanceof Error)) return "io";
  // The low byte of an extended result code is the primary one.
  if ("errcode" in error && typeof error.errcode === "number") return sqliteReasons.get(error.errcode & 0xff) ?? "io";
  if ("code" in error && typeof error.code === "string") return fileReasons.get(error.code) ?? "io";
  return "io";
}
