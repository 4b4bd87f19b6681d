/**
 * The official NATS client, as far as the benches use it. Its own declarations do not hold under
 * `exactOptionalPropertyTypes`, so they are not read.
 */
const client: string = "@nats-io/transport-node";

interface NatsMessage {
  readonly data: Uint8Array;
  readonly subject: string;
}

interface NatsConnection {
  publish(subject: string, bytes: Uint8Array): void;
  subscribe(subject: string, how: { callback: (error: Error | null, message: NatsMessage) => void }): unknown;
  flush(): Promise<void>;
  /** Resolves when the connection ended, with the reason if it was none of this side's. */
  closed(): Promise<Error | void>;
}

interface NatsClient {
  connect(options: { readonly servers: string; readonly reconnect: boolean }): Promise<NatsConnection>;
}

/** Connects to `nats-server`, once: who is cut off stays away. */
export async function connectNats(url: string): Promise<NatsConnection> {
  const nats = (await import(client)) as NatsClient;
  return nats.connect({ servers: url, reconnect: false });
}
