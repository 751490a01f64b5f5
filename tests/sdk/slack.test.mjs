// @slack/bolt: its verifier. Bolt has no signer, so deliveries are signed by the rule that Slack documents
// (https://docs.slack.dev/authentication/verifying-requests-from-slack), and each is first shown to Bolt itself.

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import bolt from "@slack/bolt";
import { awkward, nowSeconds, unique } from "./harness.mjs";

const secret = "8f742231b10e8888abcd99yyyzzz85a5";

const event = (id) =>
  JSON.stringify({ token: "unused", team_id: "T1", type: "event_callback", event: { type: "app_mention", text: awkward }, event_id: id });

function signed(body, { key = secret, timestamp = nowSeconds() } = {}) {
  const signature = `v0=${createHmac("sha256", key).update(`v0:${timestamp}:${body}`).digest("hex")}`;
  return { "X-Slack-Request-Timestamp": String(timestamp), "X-Slack-Signature": signature };
}

function boltAccepts(headers, body, signingSecret = secret) {
  const lower = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
  lower["x-slack-request-timestamp"] = Number(lower["x-slack-request-timestamp"]);
  return bolt.isValidSlackRequest({ signingSecret, body: body.toString(), headers: lower });
}

function delivery(options) {
  const id = unique("Ev");
  const body = event(id);
  return { id, type: "app_mention", body, headers: signed(body, options) };
}

export default {
  sdk: "@slack/bolt",
  signer: "the rule",
  route: { name: "slack", path: "/hooks/slack", provider: "slack", secret },
  tests: {
    "what the SDK accepts is stored once, byte for byte": async (gateway) => {
      const made = delivery();
      assert.ok(boltAccepts(made.headers, made.body));
      await gateway.accepts("slack", made);
    },
    "a tampered one is refused": (gateway) => gateway.refusesTampered("slack", delivery(), "X-Slack-Signature"),
    "one of another secret is refused, by both": async (gateway) => {
      const made = delivery({ key: "another" });
      assert.ok(!boltAccepts(made.headers, made.body));
      await gateway.refuses("slack", made);
    },
    "a stale one is refused, by both": async (gateway) => {
      const made = delivery({ timestamp: nowSeconds() - 400 });
      assert.ok(!boltAccepts(made.headers, made.body));
      await gateway.refuses("slack", made, "timestamp_out_of_tolerance");
    },
    "url_verification is answered with its challenge, and nothing is stored": async (gateway) => {
      const challenge = unique("challenge");
      const body = JSON.stringify({ token: "unused", challenge, type: "url_verification" });
      const entries = await gateway.added("slack", async () => {
        const answer = await gateway.deliver("slack", signed(body), body);
        assert.equal(answer.status, 200);
        assert.ok(answer.body === challenge || JSON.parse(answer.body).challenge === challenge, answer.body);
      });
      assert.equal(entries.length, 0);
    },
    "an unsigned url_verification is refused": async (gateway) => {
      const body = JSON.stringify({ token: "unused", challenge: "x", type: "url_verification" });
      await gateway.refuses("slack", { headers: {}, body }, "signature_missing");
    },
    "the SDK accepts what hookgate sends": async (gateway) => {
      const data = event(unique("Ev"));
      const { headers, body } = await gateway.sent("slack", { body: data });
      assert.equal(body.toString(), data);
      assert.ok(boltAccepts(headers, body));
      assert.ok(!boltAccepts(headers, body, "another"));
    },
  },
};
