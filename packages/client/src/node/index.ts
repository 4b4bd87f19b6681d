/** What a device keeps in files: homes, their locks and their sockets' places. Node only. */
export { openAuditMarks } from "./audit-marks-file.ts";
export { childEnvironment, type ChildOptions, startChild } from "./child-process.ts";
export { DeviceLock } from "./device-lock.ts";
export { FileSink } from "./file-sink.ts";
export { type FileSource, openFileSource } from "./file-source.ts";
export { Home, type HomeMesh, type HomeOptions, type HomePins } from "./home.ts";
export { findAgentFolder, findHomePath, type HomePath, type HomePathOptions } from "./home-path.ts";
export { leastPassphraseCharacters } from "./age-text.ts";
export { type ExportedIdentity, openIdentity, sealIdentity } from "./identity-export.ts";
export { encryptionKeyKeepMs, type IdentityFile } from "./identity-file.ts";
export { type Protection, type Unlock } from "./identity-vault.ts";
export { type Keyring } from "./system-keyring.ts";
export { type MeshFile } from "./mesh-file.ts";
export {
  fileError,
  preparePrivateFolder,
  readPrivateFile,
  requirePrivateFolder,
  writePrivateFile,
} from "./private-file.ts";
export { createPrivateFile } from "./new-file.ts";
export { listenPathOf, prepareSocketFolder, socketPathOf } from "./socket-path.ts";
