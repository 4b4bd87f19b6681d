import { once } from "node:events";
import { createServer, type Server } from "node:http";

/** As strict as a page that holds keys should be: its own code only, and connections to loopback. */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "img-src data:",
  "connect-src http://127.0.0.1:* ws://127.0.0.1:*",
  "base-uri 'none'",
].join("; ");

/** Serves bundles on loopback, where browsers grant a secure context without TLS: `/<name>` and `/<name>.js`. */
export class PageServer implements AsyncDisposable {
  readonly origin: string;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    const address = server.address();
    this.origin = `http://127.0.0.1:${typeof address === "object" ? (address?.port ?? 0) : 0}`;
  }

  static async start(scripts: Readonly<Record<string, string>>): Promise<PageServer> {
    const server = createServer((request, response) => {
      const [, name = "", isScript] = /^\/([\w-]+)(\.js)?$/.exec(request.url ?? "") ?? [];
      const code = scripts[name];
      if (code === undefined) {
        response.writeHead(404).end();
        return;
      }
      const type = isScript === undefined ? "text/html" : "text/javascript";
      response.writeHead(200, { "content-type": `${type}; charset=utf-8`, "content-security-policy": policy });
      const html = `<!doctype html><title>${name}</title><link rel="icon" href="data:,"><script type="module" src="/${name}.js"></script>`;
      response.end(isScript === undefined ? html : code);
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new PageServer(server);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
