import { createHmac } from "node:crypto";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";

import { expect, it, onTestFinished } from "vitest";

import { probeNat, probeStun } from "../src/stun/nat-probe.ts";
import {
  decodeStun,
  encodeStun,
  encodeXorAddress,
  type Endpoint,
  hasIntegrity,
  longTermKey,
  stunAttributes,
  type StunMessage,
  stunTypes,
} from "../src/stun/stun-message.ts";
import { probeTurn } from "../src/stun/turn-probe.ts";

type Answer = (message: StunMessage, bytes: Buffer, from: Endpoint, socket: Socket) => void;

async function listen(address: string, answer: Answer): Promise<Socket> {
  const socket = createSocket("udp4");
  onTestFinished(() => void socket.close());
  socket.on("message", (bytes, { address: host, port }) => {
    const message = decodeStun(bytes);
    if (message !== undefined) answer(message, bytes, { address: host, port }, socket);
  });
  socket.bind(0, address);
  await once(socket, "listening");
  return socket;
}

const endpointOf = (socket: Socket): Endpoint => ({
  address: socket.address().address,
  port: socket.address().port,
});

const reply = (type: number, transaction: Buffer, attributes: readonly (readonly [number, Buffer])[], key?: Buffer) =>
  encodeStun({ type, transaction, attributes: new Map(attributes) }, key);

const mappedTo = (seen: Endpoint, { transaction }: StunMessage): Buffer =>
  reply(stunTypes.bindingResponse, transaction, [
    [stunAttributes.xorMappedAddress, encodeXorAddress(seen, transaction)],
  ]);

it("takes an answer to its own request only", async () => {
  const server = await listen("127.0.0.1", (message, _, from, socket) => {
    const foreign = { ...message, transaction: Buffer.alloc(12, 9) };
    socket.send(mappedTo(from, foreign), from.port, from.address);
    socket.send(mappedTo(from, message), from.port, from.address);
  });
  const answer = await probeStun(endpointOf(server));
  expect(answer?.from).toEqual(endpointOf(server));
});

it("gives up on a server that is silent, and calls UDP blocked where all are", async () => {
  const silent = await listen("127.0.0.1", () => undefined);
  const [answer, nat] = await Promise.all([probeStun(endpointOf(silent)), probeNat([endpointOf(silent)], [])]);
  expect([answer, nat.kind]).toEqual([undefined, "udp-blocked"]);
});

it("asks again when a request is lost", async () => {
  let requests = 0;
  const server = await listen("127.0.0.1", (message, _, from, socket) => {
    if (++requests === 2) socket.send(mappedTo(from, message), from.port, from.address);
  });
  expect(await probeStun(endpointOf(server))).toBeDefined();
});

it("says that nothing is known without a server", async () => {
  expect(await probeNat([], [])).toMatchObject({ kind: "unknown", because: "no STUN server is configured" });
});

it("says what one address can show: whether anything is translated", async () => {
  const server = await listen("127.0.0.1", (message, _, from, socket) =>
    socket.send(mappedTo({ address: "192.0.2.9", port: 99 }, message), from.port, from.address),
  );
  expect(await probeNat([endpointOf(server)], ["127.0.0.1"])).toMatchObject({
    kind: "unknown",
    translated: true,
    mapped: { address: "192.0.2.9", port: 99 },
    mapping: "unknown",
  });
});

it("tells a symmetric NAT by two servers that see different ports", async () => {
  const seenAs = (port: number) => (message: StunMessage, _: Buffer, from: Endpoint, socket: Socket) =>
    socket.send(mappedTo({ address: "192.0.2.9", port }, message), from.port, from.address);
  const [one, two] = [await listen("127.0.0.1", seenAs(1)), await listen("127.0.0.2", seenAs(2))];
  expect(await probeNat([endpointOf(one), endpointOf(two)], [])).toMatchObject({ kind: "symmetric" });
});

const secret = "between the two";
const realm = "turn.example";

/** Credentials as a registry makes them, good until a time in seconds. */
function credentials(until: number): { username: string; credential: string } {
  const username = `${until}:tester`;
  return { username, credential: createHmac("sha1", secret).update(username).digest("base64") };
}

/** A TURN server of few words: challenges, checks the password, allocates, and passes on what is sent to itself. */
async function turnServer(passes: boolean): Promise<Endpoint> {
  const relayed = { address: "192.0.2.50", port: 50_000 };
  const server = await listen("127.0.0.1", (message, bytes, { address, port }, socket) => {
    const { type, transaction, attributes } = message;
    const say = (answer: Buffer): void => socket.send(answer, port, address);
    const username = attributes.get(stunAttributes.username)?.toString();
    if (type === stunTypes.sendIndication) {
      const data = attributes.get(stunAttributes.data) ?? Buffer.alloc(0);
      if (passes) say(reply(stunTypes.dataIndication, Buffer.alloc(12), [[stunAttributes.data, data]]));
      return;
    }
    const password = createHmac("sha1", secret)
      .update(username ?? "")
      .digest("base64");
    const key = longTermKey(username ?? "", realm, password);
    const isGood = username !== undefined && hasIntegrity(bytes, key) && Number.parseInt(username) * 1000 > Date.now();
    const challenge = [
      [stunAttributes.errorCode, Buffer.from([0, 0, 4, 1])],
      [stunAttributes.realm, Buffer.from(realm)],
      [stunAttributes.nonce, Buffer.from("once")],
    ] as const;
    if (!isGood) return say(reply(type | 0x0110, transaction, challenge));
    say(
      reply(
        type | 0x0100,
        transaction,
        [[stunAttributes.xorRelayedAddress, encodeXorAddress(relayed, transaction)]],
        key,
      ),
    );
  });
  return endpointOf(server);
}

const soon = (): number => Math.floor(Date.now() / 1000) + 60;

it("allocates at a TURN server and gets a datagram back through it", async () => {
  expect(await probeTurn(await turnServer(true), credentials(soon()))).toMatchObject({
    state: "works",
    relayed: { address: "192.0.2.50", port: 50_000 },
  });
});

it("tells what is refused, lost and silent apart", async () => {
  const [working, losing] = [await turnServer(true), await turnServer(false)];
  const silent = endpointOf(await listen("127.0.0.1", () => undefined));
  const good = credentials(soon());
  const outcomes = await Promise.all([
    probeTurn(working, { ...good, credential: "wrong" }),
    probeTurn(working, credentials(1_000_000_000)),
    probeTurn(losing, good),
    probeTurn(silent, good),
  ]);
  expect(outcomes.map(({ state }) => state)).toEqual(["refused", "refused", "lost", "silent"]);
});
