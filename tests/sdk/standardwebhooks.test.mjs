// standardwebhooks, the reference library of the Standard Webhooks specification: sign and verify.

import assert from "node:assert/strict";
import { Webhook } from "standardwebhooks";
import { awkward, nowSeconds, unique } from "./harness.mjs";

const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const another = "whsec_AAKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

const event = () => JSON.stringify({ type: "invoice.paid", timestamp: new Date().toISOString(), data: { note: awkward } });

function delivery({ keys = [secret], timestamp = nowSeconds() } = {}) {
  const id = unique("msg_");
  const body = event();
  const signatures = keys.map((key) => new Webhook(key).sign(id, new Date(timestamp * 1000), body));
  return {
    id,
    type: "invoice.paid",
    body,
    headers: { "webhook-id": id, "webhook-timestamp": String(timestamp), "webhook-signature": signatures.join(" ") },
  };
}

export default {
  sdk: "standardwebhooks",
  signer: "the SDK",
  route: { name: "standard", path: "/hooks/standard", provider: "standard-webhooks", secret },
  tests: {
    "what the SDK signs is stored once, byte for byte": (gateway) => gateway.accepts("standard", delivery()),
    "one right signature among several is enough": (gateway) =>
      gateway.accepts("standard", delivery({ keys: [another, secret] })),
    "a tampered one is refused": (gateway) => gateway.refusesTampered("standard", delivery(), "webhook-signature"),
    "one under another id is refused": (gateway) => {
      const { headers, body } = delivery();
      return gateway.refuses("standard", { headers: { ...headers, "webhook-id": unique("msg_") }, body });
    },
    "one of another secret is refused": (gateway) => gateway.refuses("standard", delivery({ keys: [another] })),
    "a stale one is refused": (gateway) =>
      gateway.refuses("standard", delivery({ timestamp: nowSeconds() - 400 }), "timestamp_out_of_tolerance"),
    "one from the future is refused": (gateway) =>
      gateway.refuses("standard", delivery({ timestamp: nowSeconds() + 400 }), "timestamp_out_of_tolerance"),
    "the SDK accepts what hookgate sends": async (gateway) => {
      const data = event();
      const { headers, body } = await gateway.sent("standard", { type: "invoice.paid", body: data });
      assert.equal(body.toString(), data);
      assert.deepEqual(new Webhook(secret).verify(body, headers), JSON.parse(data));
      assert.throws(() => new Webhook(another).verify(body, headers));
    },
  },
};
