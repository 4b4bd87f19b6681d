import { type CliMesh, shareMesh } from "../e2e/cli-mesh.ts";
/** A mesh whose members are programs in other languages: a registry, and for each of them a process that holds its device. */
import { parley, type RunningCommand, start } from "../e2e/cli-process.ts";

export interface ProgramMesh extends CliMesh {
  /** Lets a member in, and holds its device with `parley sidecar`. */
  readonly hold: (name: string) => Promise<RunningCommand>;
}

/** For `beforeAll`, whose result ends it. */
export async function shareProgramMesh(take: (mesh: ProgramMesh) => void): Promise<() => Promise<void>> {
  const held: RunningCommand[] = [];
  const stop = await shareMesh((mesh) => {
    const hold = async (name: string): Promise<RunningCommand> => {
      await mesh.join(name, ["--kind", "agent"]);
      const holder = start(
        ["sidecar", "--home", mesh.home(name), "--json", "--strangers", "take"],
        {},
        () => undefined,
      );
      held.push(holder);
      await holder.json();
      return holder;
    };
    take({ ...mesh, hold });
  });
  return async () => {
    await Promise.all(held.map((holder) => holder.stop("SIGKILL")));
    await stop();
  };
}

export async function joinGeneral(mesh: CliMesh, name: string): Promise<void> {
  const { code, stderr } = await parley(["channel", "join", "general", "--home", mesh.home(name)]);
  if (code !== 0) throw new Error(stderr);
}
