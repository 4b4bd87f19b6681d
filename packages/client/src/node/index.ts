/** What a device keeps in files: homes, their locks and their sockets' places. Node only. */
export { openAuditMarks } from "./audit-marks-file.ts";
export { DeviceLock } from "./device-lock.ts";
export { FileSink } from "./file-sink.ts";
export { type FileSource, openFileSource } from "./file-source.ts";
export { Home, type HomeMesh } from "./home.ts";
export { findAgentFolder, findHomePath, type HomePath, type HomePathOptions } from "./home-path.ts";
export { type ExportedIdentity, leastPassphraseCharacters, openIdentity, sealIdentity } from "./identity-export.ts";
export { encryptionKeyKeepMs, type IdentityFile } from "./identity-file.ts";
export { type MeshFile } from "./mesh-file.ts";
export { fileError, preparePrivateFolder, readPrivateFile, writePrivateFile } from "./private-file.ts";
export { prepareSocketFolder, socketPathOf } from "./socket-path.ts";
