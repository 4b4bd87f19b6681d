import type { DeviceMetrics, MetricName, Series } from "./metrics.ts";

/** Counters that every frame and message passes: each series is looked up by one short key. */
export class Traffic {
  readonly #metrics: DeviceMetrics;
  readonly #series = new Map<string, Series>();

  constructor(metrics: DeviceMetrics) {
    this.#metrics = metrics;
  }

  sent(path: string, bytes: number): void {
    this.#of("frames_sent", "path", path).value++;
    this.#of("bytes_sent", "path", path).value += bytes;
  }

  received(path: string, bytes: number): void {
    this.#of("frames_received", "path", path).value++;
    this.#of("bytes_received", "path", path).value += bytes;
  }

  /** A durable message of this device came to a state. */
  delivery(state: string, path: string | undefined, reason: string | undefined): void {
    this.#of("messages_sent", "state", state, "path", path ?? "none").value++;
    if (state === "delivered")
      this.#of("messages_by_reason", "path", path ?? "none", "reason", reason ?? "unknown").value++;
  }

  /** A message was handed to the program. */
  message(path: string, deliveryClass: string): void {
    this.#of("messages_received", "path", path, "class", deliveryClass).value++;
  }

  #of(name: MetricName, label: string, value: string, second?: string, secondValue = ""): Series {
    const key = `${name}|${value}|${secondValue}`;
    const known = this.#series.get(key);
    if (known !== undefined) return known;
    const series = this.#metrics.series(name, {
      [label]: value,
      ...(second === undefined ? {} : { [second]: secondValue }),
    });
    this.#series.set(key, series);
    return series;
  }
}
