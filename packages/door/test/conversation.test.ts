import { once } from "node:events";

import { describe, expect, it } from "vitest";

import { spokenFor, splitRecipient } from "../src/address.ts";
import { openDoor, openPair } from "./door-fixture.ts";
import { PlainClient } from "./plain-client.ts";

describe("a door client", () => {
  it("is welcomed with an id, and every message has a time", async () => {
    const { url, clock } = await openDoor({ name: "our-mesh" });
    const client = await PlainClient.open(url);
    client.send({ type: "IDENTIFY", name: "tester" });
    expect(await client.next("WELCOME")).toEqual({
      type: "WELCOME",
      agent_id: expect.stringMatching(/^@[0-9][a-z0-9]{6}[g-z]$/),
      server: "our-mesh",
      ts: clock.now(),
    });
  });

  it("identifies itself once", async () => {
    const { url } = await openDoor();
    const client = await PlainClient.come(url);
    expect(await client.refused({ type: "IDENTIFY", name: "again" })).toBe("INVALID_MSG");
  });

  it("may ask for lists and PING before it is in, and nothing else", async () => {
    const { url } = await openDoor();
    const client = await PlainClient.open(url);
    client.send({ type: "PING" });
    expect(await client.next("PONG")).toEqual({ type: "PONG", ts: expect.any(Number) });
    client.send({ type: "LIST_CHANNELS" });
    expect((await client.next("CHANNELS"))["list"]).toEqual([
      { name: "#general", agents: 0 },
      { name: "#agents", agents: 0 },
    ]);
    client.send({ type: "LIST_AGENTS", channel: "#general" });
    expect((await client.next("AGENTS"))["list"]).toEqual([]);
    for (const message of [
      { type: "JOIN", channel: "#general" },
      { type: "LEAVE", channel: "#general" },
      { type: "MSG", to: "#general", content: "x" },
      { type: "CREATE_CHANNEL", channel: "#x" },
      { type: "INVITE", channel: "#general", agent: "@x" },
      { type: "PROPOSAL", to: "@x", task: "x", sig: "x" },
    ])
      expect(await client.refused(message)).toBe("AUTH_REQUIRED");
  });
});

describe("a channel", () => {
  it("tells who comes in, lists everybody, and passes messages with an echo to the sender", async () => {
    const { url, mesh } = await openDoor();
    mesh.come("general", "librarian");
    const a = await PlainClient.come(url, { name: "ada" });
    expect(await a.join("#general")).toMatchObject({ channel: "#general", agents: [a.id, "@librarian"] });
    const b = await PlainClient.come(url);
    expect((await b.join("#general"))["agents"]).toEqual([a.id, b.id, "@librarian"]);
    expect(await a.next("AGENT_JOINED")).toMatchObject({ channel: "#general", agent: b.id });
    a.send({ type: "MSG", to: "#general", content: "hello" });
    const expected = {
      type: "MSG",
      from: a.id,
      to: "#general",
      content: "hello",
      standing: "keyless",
      from_name: "ada",
    };
    expect(await b.next("MSG")).toMatchObject(expected);
    expect(await a.next("MSG")).toMatchObject(expected);
  });

  it("is the mesh's: posts of members come in, posts of clients go out with what the door knows of them", async () => {
    const { a, mesh } = await openPair();
    mesh.say("general", "librarian", "from the mesh");
    expect(await a.next("MSG")).toMatchObject({ from: "@librarian", content: "from the mesh", standing: "member" });
    a.send({ type: "MSG", to: "#general", content: "to the mesh" });
    await a.next("MSG");
    expect(mesh.postsOf("general").at(-1)).toMatchObject({
      text: "to the mesh",
      via: { edge: "door", id: a.id.slice(1), name: "tester", standing: "keyless" },
    });
  });

  it("shows a client of another door, and a member whose name looks like a client's id, as what they are", async () => {
    const { a, mesh } = await openPair();
    mesh.say("general", "door2", "x", { edge: "door", id: "0123abcd", name: "far", standing: "keyless" });
    expect(await a.next("MSG")).toMatchObject({ from: "@door2/0123abcd", from_name: "far", standing: "keyless" });
    mesh.say("general", "deadbeef", "y");
    expect(await a.next("MSG")).toMatchObject({ from: "@~deadbeef", standing: "member" });
  });

  it.each([0, 1, 20])("replays the last %i posts to a newcomer, oldest first, with their own times", async (replay) => {
    const { url, mesh } = await openDoor({ replay });
    for (let number = 0; number < 25; number++) mesh.say("general", "librarian", `post ${number}`);
    const client = await PlainClient.come(url);
    await client.join("#general");
    const replayed = await client.rest();
    expect(replayed.map((said) => said["content"])).toEqual(
      Array.from({ length: replay }, (_, at) => `post ${25 - replay + at}`),
    );
    expect(replayed.every((said) => said["replay"] === true)).toBe(true);
    expect(replayed.at(-1)?.["ts"]).toBe(replay === 0 ? undefined : mesh.postsOf("general").at(-1)?.at);
  });

  it("replays what came while the door was in it, as it was changed since", async () => {
    const { url, a, mesh } = await openPair();
    const first = mesh.say("general", "librarian", "one");
    const second = mesh.say("general", "librarian", "two");
    await a.next("MSG");
    mesh.change("general", first, "one, corrected");
    mesh.change("general", second, undefined);
    const late = await PlainClient.come(url);
    await late.join("#general");
    expect((await late.rest()).map((said) => said["content"])).toEqual(["one, corrected"]);
  });

  it("replays to one who joins again, and announces nothing to the others", async () => {
    const { a, b, mesh } = await openPair();
    mesh.say("general", "librarian", "one");
    await Promise.all([a.next("MSG"), b.next("MSG")]);
    await a.join("#general");
    expect(await a.rest()).toMatchObject([{ content: "one", replay: true }]);
    expect(await b.rest()).toEqual([]);
  });

  it("tells who leaves, by LEAVE or by going", async () => {
    const { a, b, mesh } = await openPair();
    mesh.come("general", "librarian");
    expect(await a.next("AGENT_JOINED")).toMatchObject({ agent: "@librarian" });
    mesh.go("general", "librarian");
    expect(await a.next("AGENT_LEFT")).toMatchObject({ agent: "@librarian" });
    b.send({ type: "LEAVE", channel: "#general" });
    expect(await b.next("LEFT")).toMatchObject({ channel: "#general" });
    expect(await a.next("AGENT_LEFT")).toMatchObject({ channel: "#general", agent: b.id });
    await b.join("#general");
    await a.next("AGENT_JOINED");
    await b.bye();
    expect(await a.next("AGENT_LEFT")).toMatchObject({ agent: b.id });
  });

  it("that is unknown, or that one is not in, refuses with agentchat's codes", async () => {
    const { url } = await openDoor();
    const client = await PlainClient.come(url);
    expect(await client.refused({ type: "JOIN", channel: "#nowhere" })).toBe("CHANNEL_NOT_FOUND");
    expect(await client.refused({ type: "MSG", to: "#nowhere", content: "x" })).toBe("CHANNEL_NOT_FOUND");
    expect(await client.refused({ type: "LIST_AGENTS", channel: "#nowhere" })).toBe("CHANNEL_NOT_FOUND");
    expect(await client.refused({ type: "INVITE", channel: "#nowhere", agent: "@x" })).toBe("CHANNEL_NOT_FOUND");
    expect(await client.refused({ type: "MSG", to: "#general", content: "x" })).toBe("NOT_INVITED");
    expect(await client.refused({ type: "INVITE", channel: "#general", agent: "@x" })).toBe("NOT_INVITED");
    expect(await client.refused({ type: "CREATE_CHANNEL", channel: "#general" })).toBe("CHANNEL_EXISTS");
  });

  it("is made on the mesh, and counted in the list", async () => {
    const { url, mesh, clock } = await openDoor();
    const client = await PlainClient.come(url);
    client.send({ type: "CREATE_CHANNEL", channel: "#new", invite_only: false });
    expect(await client.next("JOINED")).toMatchObject({ channel: "#new", agents: [client.id] });
    mesh.come("new", "librarian");
    clock.advance(1000);
    client.send({ type: "LIST_CHANNELS" });
    expect((await client.next("CHANNELS"))["list"]).toContainEqual({ name: "#new", agents: 2 });
  });

  it("that the door is taken out of is left by everybody", async () => {
    const { a, b, mesh } = await openPair();
    mesh.close("general");
    expect(await a.next("LEFT")).toMatchObject({ channel: "#general" });
    await b.next("LEFT");
    expect(await a.refused({ type: "JOIN", channel: "#general" })).toBe("CHANNEL_NOT_FOUND");
  });

  it("is left by the door when nobody was in it for long", async () => {
    const { a, b, mesh, clock } = await openPair({ bounds: { idleChannelMs: 5000 } });
    await Promise.all([a.bye(), b.bye()]);
    await expect.poll(() => clock.run(1000).then(() => mesh.isIn("general"))).toBe(false);
  });
});

describe("a private channel", () => {
  it("is for those who are invited, and not listed", async () => {
    const { a, b, clock } = await openPair();
    a.send({ type: "CREATE_CHANNEL", channel: "#den", invite_only: true });
    await a.next("JOINED");
    clock.advance(1000);
    b.send({ type: "LIST_CHANNELS" });
    expect(JSON.stringify((await b.next("CHANNELS"))["list"])).not.toContain("#den");
    expect(await b.refused({ type: "JOIN", channel: "#den" })).toBe("NOT_INVITED");
    expect(await b.refused({ type: "MSG", to: "#den", content: "x" })).toBe("NOT_INVITED");
    expect(await b.refused({ type: "INVITE", channel: "#den", agent: b.id })).toBe("NOT_INVITED");
    a.send({ type: "INVITE", channel: "#den", agent: b.id });
    expect(await b.next("MSG")).toMatchObject({ from: "@door", to: b.id, content: expect.stringContaining("#den") });
    a.send({ type: "MSG", to: "#den", content: "before" });
    await a.next("MSG");
    expect((await b.join("#den"))["agents"]).toEqual([a.id, b.id]);
    expect(await b.next("MSG")).toMatchObject({ content: "before", replay: true });
    b.send({ type: "MSG", to: "#den", content: "inside" });
    expect(await a.next("MSG")).toMatchObject({ from: b.id, to: "#den", content: "inside" });
  });

  it("does not reach the mesh, and hides no channel of the mesh from those who are not in it", async () => {
    const { a, b, mesh } = await openPair();
    a.send({ type: "CREATE_CHANNEL", channel: "#later", invite_only: true });
    await a.next("JOINED");
    a.send({ type: "MSG", to: "#later", content: "inside" });
    await a.next("MSG");
    expect(mesh.postsOf("general")).toEqual([]);
    await mesh.create("later");
    await b.join("#later");
    mesh.say("later", "librarian", "public");
    expect(await b.next("MSG")).toMatchObject({ content: "public" });
    expect((await a.rest()).filter(({ type }) => type === "MSG")).toEqual([]);
  });

  it("is made by one of two that ask at the same time", async () => {
    const { a, b, clock, mesh } = await openPair();
    clock.advance(1000);
    const listing = Promise.withResolvers<void>();
    mesh.listing = listing.promise;
    const make = { type: "CREATE_CHANNEL", channel: "#secret", invite_only: true };
    for (const client of [a, b]) {
      client.send(make);
      client.socket.ping();
      await once(client.socket, "pong");
    }
    listing.resolve();
    const said = await Promise.all([a.rest(), b.rest()]);
    expect(said.flat().map((each) => each["code"] ?? each.type)).toEqual(
      expect.arrayContaining(["JOINED", "CHANNEL_EXISTS"]),
    );
  });

  it("takes no members of the mesh", async () => {
    const { a } = await openPair();
    a.send({ type: "CREATE_CHANNEL", channel: "#den", invite_only: true });
    await a.next("JOINED");
    expect(await a.refused({ type: "INVITE", channel: "#den", agent: "@librarian" })).toBe("INVALID_MSG");
  });
});

describe("an invitation to a public channel", () => {
  it("of a member goes to the mesh, of a client comes from the door", async () => {
    const { a, b, mesh } = await openPair();
    a.send({ type: "INVITE", channel: "#general", agent: "@librarian" });
    await a.rest();
    expect(mesh.invited).toEqual([{ channel: "general", name: "librarian" }]);
    expect(await a.refused({ type: "INVITE", channel: "#general", agent: "@nobody" })).toBe("AGENT_NOT_FOUND");
    a.send({ type: "INVITE", channel: "#general", agent: b.id });
    expect((await b.next("MSG"))["from"]).toBe("@door");
  });
});

describe("a direct message", () => {
  it("goes to a client by its id, with an echo; to oneself twice; to nobody with an error", async () => {
    const { a, b } = await openPair();
    a.send({ type: "MSG", to: b.id, content: "psst" });
    expect(await b.next("MSG")).toMatchObject({ from: a.id, to: b.id, content: "psst" });
    expect(await a.next("MSG")).toMatchObject({ from: a.id, to: b.id, content: "psst" });
    a.send({ type: "MSG", to: a.id, content: "me" });
    await a.next("MSG");
    await a.next("MSG");
    for (const to of ["@00000000", "@nobody", "@x y", "@~", "@door2/xyz", "@../x"])
      expect(await a.refused({ type: "MSG", to, content: "x" })).toBe("AGENT_NOT_FOUND");
  });

  it("goes to a member by name, in the door's name with `via`", async () => {
    const { a, mesh } = await openPair();
    a.send({ type: "MSG", to: "@librarian", content: "hello" });
    expect(await a.next("MSG")).toMatchObject({ from: a.id, to: "@librarian", content: "hello" });
    expect(mesh.written).toMatchObject([{ name: "librarian", text: "hello", via: { id: a.id.slice(1) } }]);
    a.send({ type: "MSG", to: "@~deadbeef", content: "hello" });
    await a.next("MSG");
    expect(mesh.written.at(-1)).toMatchObject({ name: "deadbeef" });
  });

  it("of a member reaches the client it begins with, the one it answers, or the only one that wrote", async () => {
    const { a, b, mesh } = await openPair();
    await mesh.write("librarian", `${b.id}: for b`);
    expect(await b.next("MSG")).toMatchObject({ from: "@librarian", to: b.id, content: "for b", standing: "member" });
    a.send({ type: "MSG", to: "@librarian", content: "from a" });
    await a.next("MSG");
    await mesh.write("librarian", "plainly");
    expect(await a.next("MSG")).toMatchObject({ content: "plainly" });
    b.send({ type: "MSG", to: "@librarian", content: "from b" });
    await b.next("MSG");
    await mesh.write("librarian", "to the answered one", mesh.written[1]?.id);
    expect(await b.next("MSG")).toMatchObject({ content: "to the answered one" });
    await mesh.write("librarian", "whom?");
    expect(mesh.written.at(-1)).toMatchObject({
      name: "librarian",
      via: undefined,
      text: expect.stringContaining("plain door"),
    });
    expect([...(await a.rest()), ...(await b.rest())]).toEqual([]);
  });

  it("that reaches nobody is answered once in a while, so that two who answer everything stop", async () => {
    const { mesh, clock } = await openDoor();
    await mesh.write("librarian", "@1a2b3c4d are you there?");
    expect(mesh.written).toMatchObject([{ text: expect.stringContaining("@1a2b3c4d is not connected") }]);
    await mesh.write("librarian", "what do you mean?");
    expect(mesh.written).toHaveLength(1);
    clock.advance(60_000);
    await mesh.write("librarian", "hello?");
    expect(mesh.written).toHaveLength(2);
  });

  it("to a client of another door names the client to that door", async () => {
    const { a, mesh } = await openPair();
    mesh.known.add("door2");
    a.send({ type: "MSG", to: "@door2/0123abcd", content: "hello" });
    await a.next("MSG");
    expect(mesh.written.at(-1)).toMatchObject({ name: "door2", text: "hello", to: "0123abcd" });
  });

  it("is read by another door as one for its client, and by a member as the word of ours", () => {
    const via = { edge: "door", id: "4k2m9x0t", name: "far", standing: "keyless" } as const;
    expect(splitRecipient(spokenFor(via, "hello", "0123abcd"))).toEqual({
      id: "0123abcd",
      rest: "@4k2m9x0t (far, keyless): hello",
    });
    expect(spokenFor(via, "hello")).toBe("@4k2m9x0t (far, keyless): hello");
  });
});
