/**
 * Links in Node, on node-datachannel (libdatachannel). Published as `@parley/peer/node`; importing it loads the native
 * library, and throws where there is none for the platform.
 */
import type { Link, LinkCallbacks, LinkFactory, LinkOptions } from "@parley/core";
import { ParleyError } from "@parley/protocol";

import { AnsweringRole } from "./answering-role.ts";
import { CandidateGate } from "./candidate-gate.ts";
import { GuardedCallbacks, type ReportError, throwLater } from "./guarded-callbacks.ts";
import { InterfaceFilter, type RoutedFrom } from "./interface-filter.ts";
import { defaultSources, machineAddresses } from "./machine-addresses.ts";
import { NativeLibrary } from "./native-library.ts";
import { type Machine, watchMachine } from "./network-watch.ts";
import { NodeLink } from "./node-link.ts";

export interface NodeLinkFactoryOptions {
  /** Where errors thrown in the owner's callbacks go. Default: an uncaught exception. */
  readonly reportError?: ReportError;
  /**
   * Interfaces that links may use, by name (`eth0`, `docker*`) or range (`10.0.0.0/8`); with `!` in front, those that they
   * may not. Default: all.
   */
  readonly interfaces?: readonly string[];
  /** Where this machine's addresses come from. Default: the system. */
  readonly machine?: Machine;
}

/** Makes links on node-datachannel. */
export class NodeLinkFactory implements LinkFactory {
  readonly #report: ReportError;
  readonly #filter: InterfaceFilter | undefined;
  readonly #machine: Machine;
  readonly #watches = new Set<() => void>();
  readonly #links = new Set<NodeLink>();
  readonly #role = new AnsweringRole();
  readonly #library: NativeLibrary;
  #sources: RoutedFrom = [];
  #closed: Promise<void> | undefined;

  /** Throws `invalid_argument` for a rule of `interfaces` that names none. */
  constructor(options: NodeLinkFactoryOptions = {}) {
    const { interfaces = [], machine = { addresses: machineAddresses, sources: defaultSources } } = options;
    this.#report = options.reportError ?? throwLater;
    this.#machine = machine;
    this.#filter = interfaces.length === 0 ? undefined : new InterfaceFilter(interfaces);
    this.#library = new NativeLibrary();
    this.#lookAtRoutes();
  }

  /** Throws `closed` after `close`. */
  create(options: LinkOptions, callbacks: LinkCallbacks): Link {
    if (this.#closed !== undefined) throw new ParleyError("closed", { message: "The link factory is closed." });
    const guarded = new GuardedCallbacks(callbacks, this.#report);
    const verdict = this.#filter?.judge(this.#machine.addresses(), this.#sources, options.bindAddress);
    this.#lookAtRoutes();
    const gate = new CandidateGate(verdict);
    const link: NodeLink = new NodeLink(options, guarded, gate, this.#role, this.#library, () =>
      this.#links.delete(link),
    );
    this.#links.add(link);
    return link;
  }

  /** For the next link: the answer comes a moment later, and routes change seldom. */
  #lookAtRoutes(): void {
    if (this.#filter === undefined) return;
    void this.#machine.sources().then((sources) => (this.#sources = sources), this.#report);
  }

  /** Tells whether datagrams from anywhere get in here, as a look at the network showed: links then open a second sooner. */
  expectOpen(isOpen: boolean): void {
    this.#role.expectOpen(isOpen);
  }

  /** Looks every two seconds: the platform does not tell. */
  watchNetwork(onChange: () => void): () => void {
    const end = watchMachine(this.#machine, onChange);
    const leave = (): void => {
      end();
      this.#watches.delete(leave);
    };
    this.#watches.add(leave);
    return leave;
  }

  /** Closes every link and waits until its native side has ended too, 2 s at most. The process can then exit. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    for (const leave of this.#watches) leave();
    for (const link of this.#links) link.close();
    await this.#library.release();
  }
}
