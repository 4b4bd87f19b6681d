import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";

import type { Clock, Random, Signer, Stores } from "@parley/core";

import type { RegistryBounds } from "./bounds.ts";
import type { TrustedProxies } from "./client-address.ts";
import type { PrivateText } from "./credentials/token-keys.ts";

export type LogLevel = "debug" | "info" | "warn" | "error";

/** One structured line. Fields carry ids and counts, never secrets or content. */
export type RegistryLog = (level: LogLevel, event: string, fields: Readonly<Record<string, unknown>>) => void;

export interface IceOptions {
  /** Given to every device as they are. Default: none, so no third party learns of a dial. */
  readonly servers?: readonly {
    readonly urls: readonly string[];
    readonly username?: string;
    readonly credential?: string;
  }[];
  /** A TURN service that shares a secret with the registry (`use-auth-secret`). */
  readonly turn?: {
    readonly urls: readonly string[];
    readonly secret: string;
    /** Life of a credential in ms. Default 12 h. */
    readonly lifeMs?: number;
  };
}

/** What a node needs, whatever its sessions come in by. */
export interface NodeOptions {
  /** The four ports. The caller opens and closes them. */
  readonly stores: Stores;
  /** Key of this node, made by `createSigner("node")` and kept between starts. */
  readonly nodeKey: Signer;
  /** Default: the platform's. */
  readonly clock?: Clock;
  readonly random?: Random;
  readonly ice?: IceOptions;
  /** Default: silent. */
  readonly log?: RegistryLog;
  /** Whether a member's word for keyless clients is taken (`via` of its posts): an edge of this registry. Default: nobody's. */
  readonly mayVouch?: (member: string) => boolean;
  /** Where the keys for session tokens are kept. Default: nowhere, so that a restart ends the tokens of before. */
  readonly tokenKeys?: PrivateText;
  /** Bounds other than the documented ones, for tests and small machines. */
  readonly bounds?: Partial<RegistryBounds>;
}

/** Takes the upgrade of one request of the registry's HTTP server. */
export type UpgradeHandler = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

/** A certificate, with those that certify it, and its private key, as PEM text. */
export interface TlsKeys {
  readonly cert: string;
  readonly key: string;
}

export interface RegistryOptions extends NodeOptions {
  /** Speaks TLS with this certificate. */
  readonly tls?: TlsKeys;
  /** Proxies whose word about addresses is taken. Default: none. */
  readonly proxies?: TrustedProxies;
  /** Takes connections of those proxies and of this machine only. Default: of everybody. */
  readonly onlyProxies?: boolean;
  /** Address to listen on. Default 127.0.0.1. */
  readonly host?: string;
  /** Default 8080; 0 is any free one. */
  readonly port?: number;
  /** Origin that devices reach it by when a proxy stands before it, for example `https://mesh.example.org`. */
  readonly publicOrigin?: string;
  /** Origins of web pages, other than its own, that may open sessions. Default: none. */
  readonly allowedOrigins?: readonly string[];
  /** Whether `GET /metrics` is served. Default: only when it listens on loopback and no public origin is set. */
  readonly metrics?: boolean;
  /** The plain door, which has the upgrades of `/chat` and judges them itself. Default: there is no such address. */
  readonly plainDoor?: UpgradeHandler;
}
