// @shopify/shopify-api: its validator (webhooks.validate). It has no signer for webhooks, so deliveries are signed by the
// documented rule, the base64 of HMAC-SHA256 over the body, and each is first shown to the SDK itself.

import "@shopify/shopify-api/adapters/node";
import assert from "node:assert/strict";
import { createHmac, randomUUID } from "node:crypto";
import { ApiVersion, LogSeverity, shopifyApi } from "@shopify/shopify-api";
import { awkward } from "./harness.mjs";

const secret = "hush-0c1b7a9e48361d77";

const sdk = (apiSecretKey) =>
  shopifyApi({
    apiKey: "key",
    apiSecretKey,
    apiVersion: ApiVersion.April25,
    hostName: "hooks.example.com",
    isEmbeddedApp: true,
    logger: { level: LogSeverity.Error, log: () => {} },
  });

async function sdkAccepts(headers, body, key = secret) {
  const lower = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
  const rawRequest = { method: "POST", url: "/hooks/shopify", headers: lower };
  return (await sdk(key).webhooks.validate({ rawBody: body.toString(), rawRequest })).valid;
}

const order = () => JSON.stringify({ id: 820982911946154508n.toString(), name: randomUUID(), note: awkward });

function delivery({ key = secret } = {}) {
  const id = randomUUID();
  const body = order();
  return {
    id,
    type: "orders/create",
    body,
    headers: {
      "X-Shopify-Topic": "orders/create",
      "X-Shopify-Hmac-Sha256": createHmac("sha256", key).update(body).digest("base64"),
      "X-Shopify-Shop-Domain": "bakery.example.com",
      "X-Shopify-API-Version": "2025-04",
      "X-Shopify-Webhook-Id": id,
    },
  };
}

export default {
  sdk: "@shopify/shopify-api",
  signer: "the rule",
  route: { name: "shopify", path: "/hooks/shopify", provider: "shopify", secret },
  tests: {
    "what the SDK accepts is stored once, byte for byte": async (gateway) => {
      const made = delivery();
      assert.ok(await sdkAccepts(made.headers, made.body));
      await gateway.accepts("shopify", made);
    },
    "a tampered one is refused": (gateway) => gateway.refusesTampered("shopify", delivery(), "X-Shopify-Hmac-Sha256"),
    "one of another secret is refused, by both": async (gateway) => {
      const made = delivery({ key: "another" });
      assert.ok(!(await sdkAccepts(made.headers, made.body)));
      await gateway.refuses("shopify", made);
    },
    "the SDK accepts what hookgate sends": async (gateway) => {
      const data = order();
      const { headers, body } = await gateway.sent("shopify", { type: "orders/create", body: data });
      assert.equal(body.toString(), data);
      // The SDK insists on two headers that are not the signature's business.
      const whole = { "x-shopify-shop-domain": "bakery.example.com", "x-shopify-api-version": "2025-04", ...headers };
      assert.ok(await sdkAccepts(whole, body));
      assert.ok(!(await sdkAccepts(whole, body, "another")));
      assert.equal(headers["x-shopify-topic"], "orders/create");
    },
  },
};
