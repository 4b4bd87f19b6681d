import { connect } from "node:net";

import { sessionPath, sessionProtocol } from "@parley/protocol";
import { type SeededRandom, type TestDevice, type TestIdentity, TestSocket } from "@parley/testkit";

import { corpus } from "./corpus.ts";
import { mutateBytes, mutateJson, mutateText } from "./mutate.ts";
import { checkClose, openRegistryTarget, type RegistryTarget } from "./registry-target.ts";
import { plantedText, type Surface, within } from "./surface.ts";

/** Far above what an idle machine needs: a busy one is no hang. */
const closeMs = 20_000;
const messagesPerCase = 40;

/** Before the proof: the first wrong message ends the session, and it says why. */
async function strangers({ origin }: RegistryTarget, random: SeededRandom): Promise<number> {
  const socket = await TestSocket.open(origin);
  await within(socket.nextText(), closeMs, "a challenge");
  const proof = corpus.handshake[1];
  if (random.chance(0.2)) socket.send(random.bytes(random.below(500)));
  else socket.send(mutateText(random.chance(0.8) ? proof : random.pick(corpus.requests), random));
  const { code } = await within(socket.closed, closeMs, "closing a socket that proved nothing");
  checkClose(code);
  return 1;
}

/** Bytes that are no WebSocket frames, or hardly. */
async function rawBytes({ port }: RegistryTarget, random: SeededRandom): Promise<number> {
  const socket = connect(port, "127.0.0.1");
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  socket.on("error", () => undefined).resume();
  const head = `GET ${sessionPath} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: ${sessionProtocol}\r\n\r\n`;
  socket.write(random.chance(0.3) ? mutateBytes(Buffer.from(head), random) : head);
  socket.end(random.bytes(random.below(2000)));
  await within(closed, closeMs, "closing a socket that sent other bytes than frames");
  return 1;
}

/** Members that take turns: a mesh has room for so many, and a long run ends more sessions than that. */
const insiders = 100;

/** A member's session that sends mutated requests and frames. */
class Insider {
  readonly #target: RegistryTarget;
  readonly #identities: TestIdentity[] = [];
  #device: TestDevice | undefined;
  #count = 0;

  constructor(target: RegistryTarget) {
    this.#target = target;
  }

  async run(random: SeededRandom): Promise<number> {
    const { honest } = this.#target;
    this.#device ??= await this.#open();
    const { socket } = this.#device;
    const template = this.#device.makeFrame(honest.identity, new TextEncoder().encode(plantedText), {
      toDevice: honest.device,
    });
    for (let count = 0; count < messagesPerCase; count++) {
      if (random.chance(0.4))
        socket.send(
          random.chance(0.5) ? mutateBytes(template, random) : mutateBytes(random.pick(corpus.routed), random),
        );
      else socket.send(this.#request(random, count));
    }
    await this.#settle();
    return messagesPerCase;
  }

  async #open(): Promise<TestDevice> {
    const { mesh } = this.#target;
    const turn = this.#count++ % insiders;
    this.#identities[turn] ??= await mesh.admit(`insider-${turn}`);
    return mesh.open(this.#identities[turn]);
  }

  /** A request with its body changed more often than its frame, and ids that no honest request uses. */
  #request(random: SeededRandom, count: number): string {
    const request = random.pick(corpus.requests);
    if (random.chance(0.1)) return mutateText(request, random);
    const body = mutateJson(
      { ...(request.body as object), ...(random.chance(0.1) ? { text: plantedText } : {}) },
      random,
    );
    return JSON.stringify({ ...request, id: 1_000_000 + count, body });
  }

  /** The session answers still, or was closed with a code. */
  async #settle(): Promise<void> {
    const device = this.#device;
    if (device === undefined) return;
    const answered = device.request("ping", {}).then(
      () => undefined,
      () => device.closed,
    );
    const closed = await within(Promise.race([answered, device.closed]), closeMs, "an answer to an insider");
    if (closed === undefined) return;
    checkClose(closed.code);
    this.#device = undefined;
  }
}

/** The registry's WebSocket, before and after the proof. */
export async function openWebsocketSurface(): Promise<Surface> {
  const target = await openRegistryTarget();
  const insider = new Insider(target);
  return {
    secrets: target.secrets,
    takeLog: () => target.takeLog(),
    run(random) {
      const draw = random.fraction();
      if (draw < 0.7) return insider.run(random);
      return draw < 0.9 ? strangers(target, random) : rawBytes(target, random);
    },
    probe: () => target.probe(),
    close: () => target.close(),
  };
}
