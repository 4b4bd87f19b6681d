/** Content to attach: read twice, once to know it and once to send it, so it must not change meanwhile. */
export interface ContentSource {
  /** Bytes. */
  readonly size: number;
  /** Absolute, where the content is a file of this machine: then another process that holds the device can read it itself. */
  readonly path?: string;
  /** The bytes from one place to before another. Fewer at the end of something that shrank. */
  read(from: number, to: number): Promise<Uint8Array<ArrayBuffer>>;
}

/** The content of a Blob, or of a File that a person chose in a page. */
export function blobSource(blob: Blob): ContentSource {
  return {
    size: blob.size,
    read: async (from, to) => new Uint8Array(await blob.slice(from, to).arrayBuffer()),
  };
}
