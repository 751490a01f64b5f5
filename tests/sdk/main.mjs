// Runs the tests of every provider: one gateway with all of their routes, one Redis behind it.

import assert from "node:assert/strict";
import { webcrypto } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { Gateway, Redis, Workspace } from "./harness.mjs";

// Some SDKs expect what node has by itself only since 20.
globalThis.crypto ??= webcrypto;

const here = (name) => new URL(name, import.meta.url);
const chosen = process.argv.slice(2).filter((each) => each !== "--table");
const files = readdirSync(here(".")).filter((file) => file.endsWith(".test.mjs")).sort();
const modules = await Promise.all(files.map(async (file) => ({ file: file.replace(".test.mjs", ""), ...(await import(`./${file}`)) })));
const providers = modules
  .flatMap(({ file, default: exported }) => [exported].flat().map((each) => ({ file, ...each })))
  .filter(({ file, route }) => chosen.length === 0 || chosen.includes(file) || chosen.includes(route.name));
if (providers.length === 0) {
  console.error(`tests/sdk/run: nothing is called ${chosen.join(" or ")}`);
  process.exit(2);
}

// What is tested, as the README has it: `tests/sdk/run --table` prints it.
function table() {
  const { dependencies } = JSON.parse(readFileSync(here("package.json"), "utf8"));
  const lines = providers.map(({ route, sdk, signer, send }) => {
    const sent = typeof send === "string" ? `no: ${send}` : "yes";
    return `| ${route.name} | ${sdk} ${dependencies[sdk]} | ${signer} | ${sent} |`;
  });
  return ["| route | SDK | signs towards the gateway | takes what `send` signs |", "|---|---|---|---|", ...lines.sort()].join("\n");
}
if (process.argv.includes("--table")) {
  console.log(table());
  process.exit(0);
}

const tests = providers.flatMap(({ route, tests }) =>
  Object.entries(tests).map(([name, test]) => ({ name: `${route.name}: ${name}`, test })),
);

if (chosen.length === 0) {
  const test = () => assert.ok(readFileSync(here("README.md"), "utf8").includes(`${table()}\n`), "tests/sdk/run --table prints another one");
  tests.push({ name: "README: its table is what is tested", test });
}

const workspace = new Workspace();
let passed = 0;
let failed = 0;
const running = [];
try {
  const redis = await Redis.start(workspace);
  running.push(redis);
  const gateway = await Gateway.start(workspace, redis, providers.map(({ route }) => route));
  running.push(gateway);

  for (const { name, test } of tests) {
    try {
      await test(gateway);
      passed++;
      console.log(`ok      ${name}`);
    } catch (error) {
      failed++;
      console.log(`FAILED  ${name}\n${error.stack}\n`);
    }
  }
  // Ending well is part of it: a gateway that crashed on the way has failed, whatever it answered.
  const code = await gateway.stop();
  if (code !== 0) {
    failed++;
    console.log(`FAILED  the gateway ended with ${code}\n${gateway.output()}`);
  }
} catch (error) {
  failed++;
  console.log(`FAILED  to start\n${error.stack}`);
} finally {
  for (const process of running.reverse()) await process.stop();
  workspace.remove();
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
