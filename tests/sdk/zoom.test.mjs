// @zoom/rivet: its HTTP receiver. It has no signer, so deliveries are signed by the rule that Zoom documents
// (https://developers.zoom.us/docs/api/webhooks), and each is first shown to the receiver itself. Rivet checks what
// JSON.stringify makes of the body it parsed, so bodies here are as JSON.stringify writes them; it looks at no clock.

import assert from "node:assert/strict";
import { createHmac, randomUUID } from "node:crypto";
import { HttpReceiver } from "@zoom/rivet/teamchat";
import { awkward, nowSeconds, request } from "./harness.mjs";

const secret = "zoom-1d77aa0b5f2d0c1b";

async function receiver(webhooksSecretToken, call) {
  const http = new HttpReceiver({ webhooksSecretToken, port: 0 });
  http.init({ eventEmitter: { emit: async () => {} } });
  const server = await http.start(0);
  try {
    return await call(server.address().port);
  } finally {
    server.closeAllConnections?.();
    server.close();
  }
}

const asked = (headers, body, key = secret) =>
  receiver(key, (port) => request(port, { path: "/zoom/events", headers: { "Content-Type": "application/json", ...headers }, body }));

const meeting = () =>
  JSON.stringify({
    event: "meeting.started",
    event_ts: Date.now(),
    payload: { account_id: "a1", object: { uuid: randomUUID(), id: "4711", topic: awkward } },
  });

function signed(body, { key = secret, timestamp = nowSeconds() } = {}) {
  const signature = createHmac("sha256", key).update(`v0:${timestamp}:${body}`).digest("hex");
  return { "x-zm-request-timestamp": String(timestamp), "x-zm-signature": `v0=${signature}` };
}

function delivery(options) {
  const body = meeting();
  return { type: "meeting.started", body, headers: signed(body, options) };
}

export default {
  sdk: "@zoom/rivet",
  signer: "the rule",
  route: { name: "zoom", path: "/hooks/zoom", provider: "zoom", secret },
  tests: {
    "what the SDK accepts is stored once, byte for byte": async (gateway) => {
      const made = delivery();
      assert.equal((await asked(made.headers, made.body)).status, 200);
      await gateway.accepts("zoom", made);
    },
    "a tampered one is refused": (gateway) => gateway.refusesTampered("zoom", delivery(), "x-zm-signature"),
    "one of another secret is refused, by both": async (gateway) => {
      const made = delivery({ key: "another" });
      assert.equal((await asked(made.headers, made.body)).status, 400);
      await gateway.refuses("zoom", made);
    },
    "a stale one is refused": (gateway) =>
      gateway.refuses("zoom", delivery({ timestamp: nowSeconds() - 400 }), "timestamp_out_of_tolerance"),
    "endpoint.url_validation is answered as the SDK answers it, and nothing is stored": async (gateway) => {
      const body = JSON.stringify({ event: "endpoint.url_validation", payload: { plainToken: randomUUID() }, event_ts: Date.now() });
      const expected = await asked(signed(body), body);
      assert.equal(expected.status, 200);
      const entries = await gateway.added("zoom", async () => {
        const answer = await gateway.deliver("zoom", signed(body), body);
        assert.equal(answer.status, 200);
        assert.deepEqual(JSON.parse(answer.body), JSON.parse(expected.body));
        assert.match(answer.headers["content-type"], /^application\/json/);
      });
      assert.equal(entries.length, 0);
    },
    "the SDK accepts what hookgate sends": async (gateway) => {
      const data = meeting();
      const { headers, body } = await gateway.sent("zoom", { body: data });
      assert.equal(body.toString(), data);
      const { "x-zm-signature": signature, "x-zm-request-timestamp": timestamp } = headers;
      const own = { "x-zm-signature": signature, "x-zm-request-timestamp": timestamp };
      assert.equal((await asked(own, body)).status, 200);
      assert.equal((await asked(own, body, "another")).status, 400);
    },
  },
};
