/** What each kind of router does, as nftables rules. The WAN side is `wan`, the one host behind it `host`. */
import type { NatKind } from "../../packages/cli/src/stun/nat-kind.ts";

interface RouterRules {
  /** First packets of flows from outside: whom to let in, and to where. */
  readonly inbound?: string;
  /** Source translation of what goes out. */
  readonly outbound?: string;
  /** Packets that the host may not send. */
  readonly blocked?: string;
}

/** Linux keeps a free source port, so plain masquerading maps one socket to one port, whatever the destination. */
const oneMapping = "masquerade";

const rulesByKind: Readonly<Record<NatKind, (host: string) => RouterRules>> = {
  public: () => ({}),
  "full-cone": (host) => ({ outbound: oneMapping, inbound: `meta l4proto udp dnat to ${host}` }),
  // Remembers which addresses each port has sent to, and lets those in, from any port of theirs.
  "address-restricted": (host) => ({
    outbound: oneMapping,
    inbound: `udp dport . ip saddr @contacted dnat to ${host}`,
  }),
  "port-restricted": () => ({ outbound: oneMapping }),
  symmetric: () => ({ outbound: "masquerade fully-random" }),
  "udp-blocked": () => ({ outbound: oneMapping, blocked: "meta l4proto udp drop" }),
  "tcp-443-only": () => ({ outbound: oneMapping, blocked: "meta l4proto != tcp drop; tcp dport != 443 drop" }),
};

/**
 * The ruleset of a router. New flows from outside are dropped where packets enter, on the way in and on the way through:
 * one that came too early would else take the mapping that the host's own packet needs.
 */
export function routerRules(kind: NatKind, host: string): string {
  const { inbound = "", outbound = "", blocked = "" } = rulesByKind[kind](host);
  const letsIn = kind === "public" ? "accept" : "ct status dnat accept";
  const blockedLines = blocked.split("; ").map((rule) => (rule === "" ? "" : `oifname "wan" ${rule}`));
  return `
    table ip router {
      set contacted { type inet_service . ipv4_addr; flags dynamic,timeout; timeout 2m; size 65536; }
      chain cut { type filter hook prerouting priority -310; }
      chain remember { type filter hook prerouting priority -150;
        iifname "lan" meta l4proto udp update @contacted { udp sport . ip daddr }
      }
      chain translate_in { type nat hook prerouting priority -100;
        ${inbound === "" ? "" : `iifname "wan" ${inbound}`}
      }
      chain translate_out { type nat hook postrouting priority 100;
        ${outbound === "" ? "" : `oifname "wan" ${outbound}`}
      }
      chain through { type filter hook forward priority 0;
        ${blockedLines.join("\n")}
        iifname "wan" ct state new ${letsIn}
        iifname "wan" ct state new drop
      }
      chain into { type filter hook input priority 0;
        iifname "wan" ct state new drop
      }
    }`;
}
