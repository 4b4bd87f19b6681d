import { beforeAll, describe, expect, it } from "vitest";

import { jsonOf, parley, start } from "../e2e/cli-process.ts";
import { joinGeneral, type ProgramMesh, shareProgramMesh } from "./program-mesh.ts";
import { Program } from "./program.ts";

const { PARLEY_PYTHON3: python = "python3" } = process.env;
const testsMs = 180_000;

describe("clients/python/parley.py", () => {
  let mesh: ProgramMesh;
  beforeAll(
    () =>
      shareProgramMesh((shared) => {
        mesh = shared;
      }),
    testsMs,
  );

  it("compiles, and passes its own tests on a real mesh", { timeout: testsMs }, async () => {
    const compiled = new Program(python, ["-W", "error", "-m", "py_compile", "clients/python/parley.py"], {
      PYTHONPYCACHEPREFIX: mesh.folder,
    });
    expect(await compiled.ended).toEqual({ code: 0, output: "" });
    for (const name of ["caller", "worker"]) {
      await mesh.hold(name);
      await joinGeneral(mesh, name);
    }
    const tests = new Program(
      python,
      ["-W", "default", "-m", "unittest", "-v", "clients/python/tests/test_parley.py"],
      {
        PARLEY_TEST_CALLER: mesh.home("caller"),
        PARLEY_TEST_WORKER: mesh.home("worker"),
      },
    );
    const { code, output } = await tests.ended;
    expect(output).toMatch(/\nOK\n*$/);
    expect(output).not.toMatch(/skipped|Warning/);
    expect(code).toBe(0);
  });

  it("has an agent that another member delegates to, through a restart of its holder", async () => {
    const holder = await mesh.hold("painter");
    const home = mesh.home("painter");
    const agent = new Program(python, ["examples/python-agent/agent.py"], { PARLEY_HOME: home });
    expect(await agent.line()).toBe("@painter is ready");
    const ask = async (): Promise<unknown> =>
      jsonOf<{ output: unknown }>(
        await parley(["delegate", "@painter/describe", '{"numbers":[1,2,3]}', "--home", mesh.home("ada"), "--json"]),
      ).output;
    expect(await ask()).toMatchObject({ count: 3, mean: 2, median: 2 });
    await holder.stop("SIGKILL");
    const next = start(["sidecar", "--home", home, "--json", "--strangers", "take"]);
    expect(await next.json()).toMatchObject({ event: "ready", name: "painter" });
    expect(await agent.line()).toBe("@painter is ready");
    expect(await ask()).toMatchObject({ count: 3 });
    await agent.kill("SIGTERM");
    expect((await agent.ended).code).toBe(0);
    expect(await next.json()).toMatchObject({ event: "serving", program: "python-agent" });
    expect(await next.json()).toMatchObject({ event: "left", skills: ["describe", "describe-texts"] });
  });

  it("checks its example's skills without a mesh", async () => {
    expect(await new Program(python, ["examples/python-agent/agent.py", "--check"], {}).ended).toEqual({
      code: 0,
      output: "ok\n",
    });
  });
});
