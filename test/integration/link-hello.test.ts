import { createSigner, type Link, peekStatement, signStatement } from "@parley/core";
import { decodeFrame, FrameWriter, limits, type Statement, toBase64url } from "@parley/protocol";
import { describe, expect, it } from "vitest";

import { type Joined, MeshScope } from "./device-fixture.ts";

type Hello = Statement<"hello">;

/** Makes the links of a device say another hello than its library would. */
function sayInstead(who: Joined, change: (hello: Hello) => Hello, resign = true): void {
  who.links.wrap = (link) => {
    let said = false;
    const send = (bytes: Uint8Array): boolean => {
      const frame = decodeFrame(bytes);
      const [hello] = frame.ok ? frame.value : [];
      if (said || hello?.type !== "hello") return said ? link.send(bytes) : false;
      said = true;
      const { signer: _, ...honest } = peekStatement("hello", hello.statement);
      void (resign ? signStatement("hello", change(honest), who.identity.device) : forge(change(honest))).then(
        (statement) => {
          const writer = new FrameWriter();
          writer.hello(statement);
          link.send(writer.finish().slice());
        },
      );
      return true;
    };
    return withSend(link, send);
  };
}

const forge = async (hello: Hello): Promise<string> => signStatement("hello", hello, await createSigner("device"));

/** A link with another `send`. */
function withSend(link: Link, send: (bytes: Uint8Array) => boolean): Link {
  return new Proxy(link, {
    get: (target, key) => {
      if (key === "send") return send;
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
}

/** The code with which one device refuses the link that another dials. */
async function refusal(one: Joined, other: Joined): Promise<string> {
  const [from, otherFrom] = [one.events.seen.length, other.events.seen.length];
  // For the side that is refused the link may look open for a moment.
  const dialling = Promise.allSettled([other.device.connect(one.device.member)]);
  const { code } = await one.events.first("refused", () => true, from);
  await dialling;
  await other.events.link("closed", otherFrom);
  return code;
}

const otherFingerprint = "ab".repeat(32);

const changes: Record<string, { code: string; change: (hello: Hello) => Hello; resign?: false }> = {
  "an own fingerprint that is another one": {
    code: "fingerprint_mismatch",
    change: (hello) => ({ ...hello, fingerprints: { ...hello.fingerprints, local: otherFingerprint } }),
  },
  "a remote fingerprint that is another one": {
    code: "fingerprint_mismatch",
    change: (hello) => ({ ...hello, fingerprints: { ...hello.fingerprints, remote: otherFingerprint } }),
  },
  "the fingerprints the wrong way round": {
    code: "fingerprint_mismatch",
    change: (hello) => ({
      ...hello,
      fingerprints: { local: hello.fingerprints.remote, remote: hello.fingerprints.local },
    }),
  },
  "the boot nonce of another start of its own": {
    code: "replayed",
    change: (hello) => ({ ...hello, boot: toBase64url(new Uint8Array(16).fill(7)) }),
  },
  "the boot nonce of another start of the other side": {
    code: "replayed",
    change: (hello) => ({ ...hello, peerBoot: toBase64url(new Uint8Array(16).fill(7)) }),
  },
  "another mesh": {
    code: "wrong_mesh",
    change: (hello) => ({ ...hello, mesh: toBase64url(new Uint8Array(32).fill(7)) }),
  },
  "another device than it is": {
    code: "bad_signature",
    change: (hello) => ({ ...hello, device: toBase64url(new Uint8Array(32).fill(7)) }),
  },
  "another recipient": {
    code: "bad_signature",
    change: (hello) => ({ ...hello, peerDevice: toBase64url(new Uint8Array(32).fill(7)) }),
  },
  "the signature of another key": { code: "bad_signature", change: (hello) => hello, resign: false },
  "a clock that is off": {
    code: "clock_skew",
    change: (hello) => ({ ...hello, iat: hello.iat - limits.clockSkewMs - 60_000 }),
  },
  "no version in common": { code: "unsupported_version", change: (hello) => ({ ...hello, versions: [999] }) },
};

describe("a link whose hello", () => {
  it("names what is not so is refused, each with its own code", async () => {
    await using scope = await MeshScope.start();
    const alice = await scope.join("alice");
    const bob = await scope.join("bob");
    for (const [what, { code, change, resign }] of Object.entries(changes)) {
      sayInstead(bob, change, resign);
      expect([what, await refusal(alice, bob), alice.device.links()]).toEqual([what, code, []]);
    }
    bob.links.wrap = (link) => link;
    expect(await bob.device.connect("@alice")).toMatchObject({ path: "direct" });
  });

  it("shows a lease of another device, or one that no node of the mesh issued, is refused", async () => {
    await using scope = await MeshScope.start();
    await using other = await MeshScope.start();
    const alice = await scope.join("alice");
    const bob = await scope.join("bob");
    const carol = await scope.join("carol");
    const refusedFor = async (change: (hello: Hello) => Hello): Promise<string> => {
      sayInstead(bob, change);
      return refusal(alice, bob);
    };
    const { lease: carols } = await carol.device.request("lease.renew", {});
    expect(await refusedFor((hello) => ({ ...hello, lease: carols }))).toBe("bad_signature");
    const { lease: elsewhere } = await (await other.join("bob")).device.request("lease.renew", {});
    expect(await refusedFor((hello) => ({ ...hello, lease: elsewhere }))).toBe("bad_signature");
    const iat = Date.now() - limits.leaseMs;
    const mine = { mesh: bob.device.mesh, member: bob.device.member, device: bob.device.device, iat };
    const ended = await signStatement("lease", { ...mine, exp: iat + 1000 }, scope.mesh.nodeKey);
    expect(await refusedFor((hello) => ({ ...hello, lease: ended }))).toBe("lease_expired");
    const own = await signStatement("lease", { ...mine, exp: iat + 2 * limits.leaseMs }, bob.identity.device);
    expect(await refusedFor((hello) => ({ ...hello, lease: own }))).toBe("bad_signature");
    const certificate = await signStatement(
      "node",
      {
        mesh: bob.device.mesh,
        node: bob.device.device,
        key: bob.identity.device.publicKey,
        iat,
        exp: iat + 2 * limits.leaseMs,
      },
      bob.identity.device,
    );
    expect(await refusedFor((hello) => ({ ...hello, lease: own, certificate }))).toBe("registry_key_mismatch");
  });

  it("does not come first is refused", async () => {
    await using scope = await MeshScope.start();
    const alice = await scope.join("alice");
    const bob = await scope.join("bob");
    bob.links.wrap = (link) => withSend(link, () => link.send(new Uint8Array([9, 9, 9])));
    expect(await refusal(alice, bob)).toBe("unauthenticated");
  });
});
