// Runs the tests of every provider: one gateway with all of their routes, one Redis behind it.

import { readdirSync } from "node:fs";
import { Gateway, Redis, Workspace } from "./harness.mjs";

const chosen = process.argv.slice(2);
const files = readdirSync(new URL(".", import.meta.url))
  .filter((file) => file.endsWith(".test.mjs"))
  .filter((file) => chosen.length === 0 || chosen.includes(file.replace(".test.mjs", "")))
  .sort();
if (files.length === 0) {
  console.error(`tests/sdk/run: no test is called ${chosen.join(" or ")}`);
  process.exit(2);
}

const providers = await Promise.all(files.map((file) => import(`./${file}`)));
const tests = providers.flatMap(({ default: provider }) =>
  Object.entries(provider.tests).map(([name, test]) => ({ name: `${provider.route.name}: ${name}`, test })),
);

const workspace = new Workspace();
let passed = 0;
let failed = 0;
const running = [];
try {
  const redis = await Redis.start(workspace);
  running.push(redis);
  const gateway = await Gateway.start(workspace, redis, providers.map(({ default: provider }) => provider.route));
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
