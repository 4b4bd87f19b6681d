import type { TransferProgress } from "@parley/client";
import { type BlobRef, visible } from "@parley/protocol";

import type { Presenter } from "./presenter.ts";

/** What is shown of an attachment. Its key and the names of its parts are nobody's business. */
export interface AttachmentView {
  /** Tells attachments of one message apart, whatever their sender called them. */
  readonly id: string;
  readonly name: string;
  readonly type: string;
  /** Bytes. */
  readonly size: number;
  /** Milliseconds since 1970. */
  readonly expires: number;
}

export const attachmentId = ({ sha256 }: BlobRef): string => sha256.slice(0, 8);

export function attachmentView(ref: BlobRef): AttachmentView {
  const { name, type, size, expires } = ref;
  return { id: attachmentId(ref), name, type, size, expires };
}

const units = ["bytes", "KiB", "MiB", "GiB"] as const;

/** `1.4 MiB`. */
export function formatBytes(bytes: number): string {
  const power = bytes < 1024 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  const value = bytes / 1024 ** power;
  return `${power === 0 ? value : value.toFixed(1)} ${units[power] ?? ""}`;
}

/** One line, safe on a terminal. */
export function attachmentLine(ref: BlobRef): string {
  const { id, name, type, size } = attachmentView(ref);
  return `${visible(name).replaceAll("\n", " ")}  ${formatBytes(size)}  ${visible(type).replaceAll("\n", " ")}  id ${id}`;
}

/** Says on the terminal how far a transfer is. */
export function showProgress(out: Presenter, doing: string, name: string): (progress: TransferProgress) => void {
  return ({ step, done, total }) => {
    const share = total === 0 ? 100 : Math.floor((done / total) * 100);
    const verb = step === "check" ? "checking" : doing;
    out.progress(`${verb} ${visible(name).replaceAll("\n", " ")}: ${share} % of ${formatBytes(total)}`);
  };
}
