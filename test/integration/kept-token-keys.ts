import { importSigner, type Signer } from "@parley/core";
import type { PrivateText } from "@parley/registry";

/** The private file of a node's token keys, in memory: what a thief of it would have. */
export class KeptTokenKeys implements PrivateText {
  text: string | undefined;
  fails = false;

  async read(): Promise<string | undefined> {
    return this.text;
  }

  async write(text: string): Promise<void> {
    if (this.fails) throw new Error("the disk is full");
    this.text = text;
  }

  /** The private halves, oldest first. */
  async signers(): Promise<readonly Signer[]> {
    const { keys } = JSON.parse(this.text ?? "") as { keys: { key: string }[] };
    return Promise.all(keys.map(({ key }) => importSigner("token", key)));
  }

  /** The one that signs now. */
  async newest(): Promise<Signer> {
    const signer = (await this.signers()).at(-1);
    if (signer === undefined) throw new Error("there is no token key");
    return signer;
  }
}
