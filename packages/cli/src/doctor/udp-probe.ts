/** Whether datagrams pass on this machine. */
import { randomBytes } from "node:crypto";
import { createSocket } from "node:dgram";

const probeMs = 2000;

/** Sends a datagram to the very socket that it comes from. Undefined when it arrived, else why not. */
export function probeLoopback(address = "127.0.0.1"): Promise<string | undefined> {
  const socket = createSocket(address.includes(":") ? "udp6" : "udp4");
  const content = randomBytes(16);
  return new Promise((resolve) => {
    const timer = setTimeout(() => finish("no answer"), probeMs);
    const finish = (problem: string | undefined): void => {
      clearTimeout(timer);
      socket.close();
      resolve(problem);
    };
    socket.once("error", (error: NodeJS.ErrnoException) => finish(error.code ?? error.message));
    socket.on("message", (message) => {
      if (message.equals(content)) finish(undefined);
    });
    socket.bind(0, address, () => {
      const { port } = socket.address();
      socket.send(content, port, address, (error) => error !== null && socket.emit("error", error));
    });
  });
}
