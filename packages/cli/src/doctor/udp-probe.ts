/** Whether datagrams go out and come back: to this machine itself, and to a STUN server (RFC 8489). */
import { randomBytes } from "node:crypto";
import { createSocket, type Socket } from "node:dgram";

const probeMs = 2000;
/** A Binding request is this type, no attributes and this cookie (RFC 8489 section 5). */
const bindingRequest = 0x0001;
const bindingResponse = 0x0101;
const magicCookie = 0x2112a442;

/** Sends from one socket and waits for a datagram that `isAnswer` takes, or an error. Undefined when it came. */
function exchange(
  socket: Socket,
  send: () => void,
  isAnswer: (message: Buffer) => boolean,
): Promise<string | undefined> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => finish("no answer"), probeMs);
    const finish = (problem: string | undefined): void => {
      clearTimeout(timer);
      socket.close();
      resolve(problem);
    };
    socket.on("error", (error: NodeJS.ErrnoException) => finish(error.code ?? error.message));
    socket.on("message", (message) => {
      if (isAnswer(message)) finish(undefined);
    });
    send();
  });
}

/** A datagram to this very socket. Undefined when it arrives, else why not. */
export function probeLoopback(address = "127.0.0.1"): Promise<string | undefined> {
  const socket = createSocket(address.includes(":") ? "udp6" : "udp4");
  const content = randomBytes(16);
  const send = (): void => {
    socket.bind(0, address, () => {
      const { port } = socket.address();
      socket.send(content, port, address, (error) => error !== null && socket.emit("error", error));
    });
  };
  return exchange(socket, send, (message) => message.equals(content));
}

/** A STUN Binding request. Undefined when it is answered, else why not. */
export function probeStun(host: string, port: number): Promise<string | undefined> {
  const socket = createSocket(host.includes(":") ? "udp6" : "udp4");
  const transaction = randomBytes(12);
  const request = Buffer.alloc(20);
  request.writeUInt16BE(bindingRequest, 0);
  request.writeUInt32BE(magicCookie, 4);
  transaction.copy(request, 8);
  const isAnswer = (message: Buffer): boolean =>
    message.length >= 20 && message.readUInt16BE(0) === bindingResponse && message.subarray(8, 20).equals(transaction);
  return exchange(
    socket,
    () => socket.send(request, port, host, (error) => error !== null && socket.emit("error", error)),
    isAnswer,
  );
}
