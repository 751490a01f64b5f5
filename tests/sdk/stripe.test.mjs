// stripe: signs by generateTestHeaderString, verifies by webhooks.constructEvent.

import assert from "node:assert/strict";
import Stripe from "stripe";
import { awkward, nowSeconds, unique } from "./harness.mjs";

const secret = "whsec_5f2d0c1b7a9e48361d77aa0b";
const stripe = new Stripe("sk_test_of_no_account");

const event = (id) =>
  `{\n  "id": "${id}",\n  "object": "event",\n  "created": ${nowSeconds()},\n  "data": {\n    "object": {\n      "id": "ch_1",\n      "description": "${awkward.replaceAll('"', '\\"')}"\n    }\n  },\n  "type": "charge.succeeded"\n}`;

function delivery({ id = unique("evt_"), timestamp, key = secret, more = "" } = {}) {
  const body = event(id);
  const header = stripe.webhooks.generateTestHeaderString({ payload: body, secret: key, timestamp });
  return { id, type: "charge.succeeded", body, headers: { "Stripe-Signature": header + more } };
}

export default {
  sdk: "stripe",
  signer: "the SDK",
  route: { name: "stripe", path: "/hooks/stripe", provider: "stripe", secret },
  tests: {
    "what the SDK signs is stored once, byte for byte": (gateway) => gateway.accepts("stripe", delivery()),
    "a signature of an older scheme beside the right one does no harm": (gateway) =>
      gateway.accepts("stripe", delivery({ more: `,v0=${"6".repeat(64)}` })),
    "a tampered one is refused": (gateway) => gateway.refusesTampered("stripe", delivery(), "Stripe-Signature"),
    "one of another secret is refused": (gateway) => gateway.refuses("stripe", delivery({ key: "whsec_another" })),
    "a stale one is refused": (gateway) =>
      gateway.refuses("stripe", delivery({ timestamp: nowSeconds() - 400 }), "timestamp_out_of_tolerance"),
    "the SDK accepts what hookgate sends": async (gateway) => {
      const id = unique("evt_");
      const data = event(id);
      const { headers, body } = await gateway.sent("stripe", { type: "charge.succeeded", body: data });
      assert.equal(body.toString(), data);
      const seen = stripe.webhooks.constructEvent(body, headers["stripe-signature"], secret);
      assert.equal(seen.id, id);
      assert.throws(() => stripe.webhooks.constructEvent(body, headers["stripe-signature"], "whsec_another"));
    },
  },
};
