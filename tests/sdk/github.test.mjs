// @octokit/webhooks-methods: sign and verify; and what @octokit/webhooks-examples has of real deliveries.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { createRequire } from "node:module";
import { sign, verify } from "@octokit/webhooks-methods";
import { awkward } from "./harness.mjs";

const secret = "It's a Secret to Everybody";

// JSON modules are imported in another way by each version of node.
const examples = createRequire(import.meta.url)("@octokit/webhooks-examples");

const push = () => JSON.stringify({ ref: "refs/heads/main", after: randomUUID(), head_commit: { message: awkward } });

async function delivery({ key = secret, body = push(), headers = {} } = {}) {
  const id = randomUUID();
  return {
    id,
    type: "push",
    body,
    headers: { "X-GitHub-Event": "push", "X-GitHub-Delivery": id, "X-Hub-Signature-256": await sign(key, body), ...headers },
  };
}

export default {
  sdk: "@octokit/webhooks-methods",
  signer: "the SDK",
  route: { name: "github", path: "/hooks/github", provider: "github", secret },
  tests: {
    "what the SDK signs is stored once, byte for byte": async (gateway) => gateway.accepts("github", await delivery()),
    "a form is signed and stored as it is on the wire": async (gateway) =>
      gateway.accepts(
        "github",
        await delivery({
          body: `payload=${encodeURIComponent(push())}`,
          headers: { "Content-Type": "application/x-www-form-urlencoded" },
        }),
      ),
    "a tampered one is refused": async (gateway) =>
      gateway.refusesTampered("github", await delivery(), "X-Hub-Signature-256"),
    "one of another secret is refused": async (gateway) => gateway.refuses("github", await delivery({ key: "another" })),
    "a captured one under a new id is a duplicate": async (gateway) => {
      const first = await delivery();
      await gateway.accepts("github", first);
      const entries = await gateway.added("github", async () => {
        const answer = await gateway.deliver("github", { ...first.headers, "X-GitHub-Delivery": randomUUID() }, first.body);
        assert.equal(answer.status, 200);
      });
      assert.equal(entries.length, 0);
    },
    "real payloads of all events are stored byte for byte, each once": async (gateway) => {
      const sent = new Map();
      for (const { name, examples: payloads } of examples) {
        for (const payload of payloads) sent.set(`${name} ${JSON.stringify(payload, null, 1)}`, { name, id: randomUUID() });
      }
      assert.ok(sent.size > 300, `only ${sent.size} examples`);
      const entries = await gateway.added("github", async () => {
        for (const [text, { name, id }] of sent) {
          const body = text.slice(name.length + 1);
          const headers = { "X-GitHub-Event": name, "X-GitHub-Delivery": id, "X-Hub-Signature-256": await sign(secret, body) };
          const answer = await gateway.deliver("github", headers, body);
          assert.equal(answer.status, 200, `${name}: ${answer.body}`);
        }
      });
      const stored = entries.map(({ type, id, data }) => `${type} ${id} ${data}`).sort();
      assert.deepEqual(stored, [...sent].map(([text, { name, id }]) => `${name} ${id} ${text.slice(name.length + 1)}`).sort());
    },
    "the SDK accepts what hookgate sends": async (gateway) => {
      const data = push();
      const { headers, body } = await gateway.sent("github", { type: "push", body: data });
      assert.equal(body.toString(), data);
      assert.equal(await verify(secret, body.toString(), headers["x-hub-signature-256"]), true);
      assert.equal(await verify("another", body.toString(), headers["x-hub-signature-256"]), false);
      assert.equal(headers["x-github-event"], "push");
      assert.match(headers["x-github-delivery"], /./);
    },
  },
};
