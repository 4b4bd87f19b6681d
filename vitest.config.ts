import { defineConfig } from "vitest/config";

/** Real processes, WebRTC and browsers take their time on small machines; a unit test that does is a bug. */
const slowTestMs = 60_000;
/** End-to-end tests that need rights to make networks. */
const networkTests = "test/e2e/*networks.test.ts";

export default defineConfig({
  test: {
    pool: "forks",
    maxWorkers: 2,
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: [
            "packages/*/test/**/*.test.ts",
            "apps/*/test/**/*.test.ts",
            "test/{tidy,chaos,mutants,sim}/**/*.test.ts",
          ],
          testTimeout: 15_000,
        },
      },
      {
        extends: true,
        test: {
          name: "integration",
          include: ["test/integration/**/*.test.ts"],
          testTimeout: slowTestMs,
          hookTimeout: slowTestMs,
        },
      },
      {
        extends: true,
        test: {
          name: "e2e",
          include: ["test/e2e/**/*.test.ts"],
          exclude: [networkTests],
          testTimeout: slowTestMs,
          hookTimeout: slowTestMs,
        },
      },
      {
        extends: true,
        test: { name: "networks", include: [networkTests], testTimeout: slowTestMs, hookTimeout: slowTestMs },
      },
      {
        extends: true,
        test: {
          name: "proxies",
          include: ["test/proxies/**/*.test.ts"],
          testTimeout: slowTestMs,
          hookTimeout: slowTestMs,
        },
      },
      {
        extends: true,
        test: {
          name: "traced",
          include: ["test/traced/**/*.test.ts"],
          testTimeout: slowTestMs,
          hookTimeout: slowTestMs,
        },
      },
      {
        extends: true,
        test: {
          name: "foreign",
          include: ["test/foreign/direct.test.ts"],
          testTimeout: slowTestMs,
          hookTimeout: slowTestMs,
        },
      },
      {
        extends: true,
        test: {
          name: "foreign-turn",
          include: ["test/foreign/turn{,-capture}.test.ts"],
          testTimeout: slowTestMs,
          hookTimeout: slowTestMs,
        },
      },
      {
        extends: true,
        test: {
          name: "pty",
          include: ["test/pty/**/*.test.ts"],
          testTimeout: slowTestMs,
          hookTimeout: slowTestMs,
        },
      },
      {
        extends: true,
        test: {
          name: "python",
          include: ["test/programs/python.test.ts"],
          testTimeout: slowTestMs,
          hookTimeout: slowTestMs,
        },
      },
      {
        extends: true,
        test: {
          name: "shell",
          include: ["test/programs/shell.test.ts"],
          testTimeout: slowTestMs,
          hookTimeout: slowTestMs,
        },
      },
      {
        extends: true,
        test: {
          name: "coordinator",
          include: ["test/programs/coordinator.test.ts"],
          testTimeout: slowTestMs,
          hookTimeout: slowTestMs,
        },
      },
      {
        extends: true,
        test: {
          name: "browser",
          include: ["test/browser/**/*.test.ts"],
          testTimeout: slowTestMs,
          hookTimeout: slowTestMs,
        },
      },
    ],
  },
});
