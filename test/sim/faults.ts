/** What may go wrong, one at a time, each with its end. */
import { setClock } from "./machine.ts";
import type { SimDevice } from "./sim-device.ts";
import type { SimMesh } from "./sim-mesh.ts";

/** Starts one fault; undefined when there is nothing that it could befall. Returns what ends it, if it ends by itself. */
type Fault = (mesh: SimMesh, device: SimDevice) => (() => void) | undefined | false;

const lasts = (mesh: SimMesh, longest: number): number => mesh.random.fraction() ** 2 * longest;

function later(mesh: SimMesh, longest: number, run: () => void): void {
  mesh.scheduler.in(lasts(mesh, longest), undefined, "mend", run);
}

const restartMs = 5000;
const outageMs = 12_000;
const longOutageMs = 120_000;
const dayMs = 86_400_000;

function restartLater(mesh: SimMesh, device: SimDevice): void {
  later(mesh, restartMs, () => {
    if (device.life === undefined) device.start();
  });
}

function restartRegistryLater(mesh: SimMesh): void {
  later(mesh, restartMs, () => {
    if (mesh.registry.life === undefined) mesh.registry.start();
  });
}

function crashDevice(silently: boolean): Fault {
  return (mesh, device) => {
    if (device.life === undefined) return false;
    mesh.crash(device, silently);
    restartLater(mesh, device);
    return undefined;
  };
}

function crashRegistry(silently: boolean): Fault {
  return (mesh) => {
    if (mesh.registry.life === undefined) return false;
    mesh.crashRegistry(silently);
    restartRegistryLater(mesh);
    return undefined;
  };
}

/** Something about the network that lasts for a while. */
function cut(change: (device: SimDevice, isCut: boolean) => void): Fault {
  return (mesh, device) => {
    change(device, true);
    mesh.look();
    later(mesh, mesh.random.chance(0.3) ? longOutageMs : outageMs, () => {
      change(device, false);
      mesh.look();
    });
    return undefined;
  };
}

function onConnection(act: (mesh: SimMesh, connection: SimMesh["openConnections"][number]) => void): Fault {
  return (mesh) => {
    const open = mesh.openConnections;
    if (open.length === 0) return false;
    act(mesh, mesh.random.pick(open));
    return undefined;
  };
}

function onLink(act: (mesh: SimMesh, link: SimMesh["linkNet"]["open"][number]) => void): Fault {
  return (mesh) => {
    const open = mesh.linkNet.open;
    if (open.length === 0) return false;
    act(mesh, mesh.random.pick(open));
    return undefined;
  };
}

const faults: Readonly<Record<string, Fault>> = {
  "socket breaks": onConnection((_mesh, connection) => connection.breakDown()),
  "socket stalls up": onConnection((mesh, connection) => {
    connection.up.stalled = true;
    later(mesh, outageMs, () => {
      connection.up.stalled = false;
      connection.look();
    });
  }),
  "socket stalls down": onConnection((mesh, connection) => {
    connection.down.stalled = true;
    later(mesh, outageMs, () => {
      connection.down.stalled = false;
      connection.look();
    });
  }),
  "slow reader": onConnection((mesh, connection) => {
    connection.isSlow = true;
    later(mesh, outageMs, () => {
      connection.isSlow = false;
    });
  }),
  "device dies": crashDevice(false),
  "device dies silently": crashDevice(true),
  "device stops": (mesh, device) => {
    if (device.running === undefined) return false;
    mesh.stop(device, () => restartLater(mesh, device));
    return undefined;
  },
  "registry dies": crashRegistry(false),
  "registry dies silently": crashRegistry(true),
  "registry stops": (mesh) => {
    if (mesh.registry.node === undefined) return false;
    mesh.stopRegistry(() => restartRegistryLater(mesh));
    return undefined;
  },
  "device cut off": cut(({ machine }, isCut) => {
    machine.inCut = isCut;
    machine.outCut = isCut;
  }),
  "device cut off, out only": cut(({ machine }, isCut) => {
    machine.outCut = isCut;
  }),
  "device cut off, in only": cut(({ machine }, isCut) => {
    machine.inCut = isCut;
  }),
  "link breaks, both told": onLink((_mesh, link) => link.breakDown("both")),
  "link breaks, one told": onLink((_mesh, link) => link.breakDown("one")),
  "link breaks, none told": onLink((_mesh, link) => link.breakDown("none")),
  "link stalls one way": onLink((mesh, link) => {
    link.stall(true);
    later(mesh, outageMs, () => link.stall(false));
  }),
  "links cut between two machines": (mesh, device) => {
    const other = mesh.random.pick(mesh.devices);
    if (other === device) return false;
    const both = mesh.random.chance(0.5);
    mesh.cutLinks(device.machine, other.machine, true);
    if (both) mesh.cutLinks(other.machine, device.machine, true);
    later(mesh, outageMs, () => {
      mesh.cutLinks(device.machine, other.machine, false);
      mesh.cutLinks(other.machine, device.machine, false);
    });
    return undefined;
  },
  "device sleeps": (mesh, device) => {
    const { life } = device;
    if (life === undefined || life.asleep) return false;
    life.asleep = true;
    later(mesh, mesh.random.chance(0.2) ? 3_600_000 : outageMs, () => mesh.scheduler.wake(life));
    return undefined;
  },
  "registry hangs": (mesh) => {
    const { life } = mesh.registry;
    if (life === undefined || life.asleep) return false;
    life.asleep = true;
    later(mesh, outageMs, () => mesh.scheduler.wake(life));
    return undefined;
  },
  "device clock jumps": (mesh, { machine }) => {
    setClock(machine, (mesh.random.fraction() - 0.5) * 200_000);
    return undefined;
  },
  "registry clock jumps": (mesh) => {
    setClock(mesh.registry.machine, (mesh.random.fraction() - 0.5) * 100_000);
    return undefined;
  },
  "days pass": (mesh) => {
    mesh.scheduler.skip(dayMs * (mesh.random.chance(0.5) ? 1 : 1 + mesh.random.below(30)));
    return undefined;
  },
  "device disk full": (mesh, device) => {
    device.trouble = "storage_full";
    later(mesh, outageMs, () => {
      device.trouble = undefined;
    });
    return undefined;
  },
  "device disk fails": (mesh, device) => {
    device.trouble = "storage_unavailable";
    later(mesh, outageMs, () => {
      device.trouble = undefined;
    });
    return undefined;
  },
  "registry store fails": (mesh) => {
    mesh.registry.trouble = mesh.random.chance(0.5) ? "storage_unavailable" : "storage_full";
    later(mesh, outageMs, () => {
      mesh.registry.trouble = undefined;
    });
    return undefined;
  },
  "nobody reads": (mesh, device) => {
    device.read(false);
    later(mesh, outageMs, () => device.read(true));
    return undefined;
  },
};

export const faultNames: readonly string[] = Object.keys(faults);

/** Lets one thing go wrong. */
export function strike(mesh: SimMesh, names: readonly string[]): void {
  const name = mesh.random.pick(names);
  const done = faults[name]?.(mesh, mesh.random.pick(mesh.devices));
  if (done === false) return;
  mesh.coverage.count(`fault:${name}`);
  mesh.scheduler.note(`fault: ${name}`);
}

/** Ends everything that is wrong, so that what was promised can be kept. */
export function healAll(mesh: SimMesh): void {
  mesh.registry.trouble = undefined;
  mesh.registry.machine.clockOffset = 0;
  for (const device of mesh.devices) {
    // What a failing disk refused to note is made good by the next start, not before.
    if (device.hadTrouble) mesh.crash(device, false);
    device.trouble = undefined;
    device.machine.clockOffset = 0;
    device.mood = () => ({ takesMs: 0, ends: "returns" });
    device.read(true);
    if (device.life === undefined) device.start();
    else if (device.life.asleep) mesh.scheduler.wake(device.life);
  }
  const { life } = mesh.registry;
  if (life === undefined) mesh.registry.start();
  else if (life.asleep) mesh.scheduler.wake(life);
  mesh.healNetwork();
}
