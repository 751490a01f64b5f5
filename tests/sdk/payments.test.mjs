// Payments and banking.

import { generateKeyPairSync } from "node:crypto";
import { hmacValidator as HmacValidator } from "@adyen/api-library";
import { Paddle } from "@paddle/paddle-node-sdk";
import { Finch } from "@tryfinch/finch-api";
import { Whop } from "@whop/sdk";
import braintree from "braintree";
import { basicAuthValidator } from "chargebee";
import commerce from "coinbase-commerce-node";
import DodoPayments from "dodopayments";
import { verifySignature as gocardlessVerify } from "gocardless-nodejs/webhooks";
import Lithic from "lithic";
import { WebhookSignatureValidator } from "mercadopago";
import ModernTreasury from "modern-treasury";
import Orb from "orb-billing";
import Razorpay from "razorpay";
import { Webhook } from "standardwebhooks";
import * as truelayer from "truelayer-signing";
import { unique } from "./harness.mjs";
import { hmac, json, provider, seconds, standard } from "./table.mjs";

const paddle = new Paddle("of no account");
const treasury = new ModernTreasury({ organizationID: "none", apiKey: "none" });
const lithic = new Lithic({ apiKey: "none" });
const dodo = new DodoPayments({ bearerToken: "none" });
const whop = new Whop({ apiKey: "none" });
const orb = new Orb({ apiKey: "none" });
const finch = new Finch({ accessToken: "none" });
const adyen = new HmacValidator();

const braintreeGateway = (privateKey) =>
  new braintree.BraintreeGateway({
    environment: braintree.Environment.Sandbox,
    merchantId: "none",
    publicKey: "integration_public_key",
    privateKey,
  });

// A kid is what TrueLayer's library finds the key by.
function truelayerKeys(kid) {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-521" });
  const jwks = JSON.stringify({ keys: [{ ...publicKey.export({ format: "jwk" }), kid }] });
  return { route: jwks, sign: { kid, pem: privateKey.export({ type: "sec1", format: "pem" }), jwk: { ...privateKey.export({ format: "jwk" }), kid } }, verify: jwks };
}

const adyenItem = (id) => ({
  pspReference: id,
  originalReference: "",
  merchantAccountCode: "TestMerchant",
  merchantReference: 'a:b\\c "süß"',
  amount: { currency: "EUR", value: 1130 },
  eventCode: "AUTHORISATION",
  eventDate: "2026-01-01T00:00:00+01:00",
  paymentMethod: "visa",
  reason: "",
  success: "true",
});

export default [
  {
    name: "paddle",
    sdk: "@paddle/paddle-node-sdk",
    signer: "the rule",
    secret: "pdl_ntfset_01hkp6jn8yy2qc3sp8vyzh2yqe_aaaa",
    another: "pdl_ntfset_01hkp6jn8yy2qc3sp8vyzh2yqe_bbbb",
    signature: "Paddle-Signature",
    age: 400,
    event() {
      const id = unique("evt_");
      return { id, type: "transaction.completed", body: json({ event_id: id, event_type: "transaction.completed" }) };
    },
    // The SDK gives no more than 5 seconds, which a busy machine may need: so it is signed a little ahead.
    sign: ({ body }, key, at) => ({ "Paddle-Signature": `ts=${seconds(at) + 20};h1=${hmac("sha256", key, `${seconds(at) + 20}:${body}`)}` }),
    verify: ({ headers, body, key }) => paddle.webhooks.isSignatureValid(body, key, headers["paddle-signature"]),
  },
  {
    name: "razorpay",
    sdk: "razorpay",
    signer: "the rule",
    secret: "razor-1d77aa0b",
    another: "razor-another",
    signature: "X-Razorpay-Signature",
    event: () => ({ id: unique("rzp_"), type: "payment.captured", body: json({ event: "payment.captured", n: unique("") }) }),
    sign: ({ id, body }, key) => ({ "x-razorpay-event-id": id, "X-Razorpay-Signature": hmac("sha256", key, body) }),
    verify: ({ headers, body, key }) => Razorpay.validateWebhookSignature(body, headers["x-razorpay-signature"], key),
  },
  {
    name: "gocardless",
    sdk: "gocardless-nodejs",
    signer: "the rule",
    secret: "gc-1d77aa0b",
    another: "gc-another",
    signature: "Webhook-Signature",
    refusal: 498,
    event() {
      const id = unique("WB");
      return { id, type: "", body: json({ events: [], meta: { webhook_id: id } }) };
    },
    sign: ({ body }, key) => ({ "Webhook-Signature": hmac("sha256", key, body) }),
    verify: ({ headers, body, key }) => gocardlessVerify(body, key, headers["webhook-signature"]),
  },
  {
    name: "coinbase-commerce",
    sdk: "coinbase-commerce-node",
    signer: "the SDK",
    secret: "cc-1d77aa0b",
    another: "cc-another",
    signature: "X-CC-Webhook-Signature",
    event() {
      const id = unique("ev-");
      return { id, type: "charge:confirmed", body: json({ id: 1, event: { id, type: "charge:confirmed", data: {} } }) };
    },
    sign: ({ body }, key) => ({ "X-CC-Webhook-Signature": commerce.Webhook.computeSignature(body, key) }),
    verify: ({ headers, body, key }) => Boolean(commerce.Webhook.verifyEventBody(body, headers["x-cc-webhook-signature"], key)),
  },
  {
    name: "mercado-pago",
    sdk: "mercadopago",
    signer: "the rule",
    secret: "mp-1d77aa0b",
    another: "mp-another",
    signature: "x-signature",
    covered: false,
    query: "?data.id=123456&type=payment",
    event() {
      const id = unique("n");
      return { id, type: "payment.updated", body: json({ id, action: "payment.updated", data: { id: "123456" } }) };
    },
    sign({ id }, key, at) {
      const signed = `id:123456;request-id:${id};ts:${at};`;
      return { "x-request-id": id, "x-signature": `ts=${at},v1=${hmac("sha256", key, signed)}` };
    },
    verify: ({ headers, key, url }) =>
      WebhookSignatureValidator.validate({
        xSignature: headers["x-signature"],
        xRequestId: headers["x-request-id"],
        dataId: new URL(url).searchParams.get("data.id"),
        secret: key,
      }),
  },
  {
    name: "modern-treasury",
    sdk: "modern-treasury",
    signer: "the SDK",
    secret: "mt-1d77aa0b",
    another: "mt-another",
    signature: "X-Signature",
    event: () => ({ id: unique("mt-"), type: "payment_order.created", body: json({ event: "created", n: unique("") }) }),
    sign: ({ id, body }, key) => ({
      "X-Delivery-ID": id,
      "X-Topic": "payment_order",
      "X-Event": "created",
      "X-Signature": treasury.webhooks.getSignature(body, { key }),
    }),
    verify: ({ headers, body, key }) => treasury.webhooks.validateSignature(body, headers, { key }),
  },
  {
    name: "lithic",
    sdk: "lithic",
    signer: "standardwebhooks",
    ...standard(Webhook),
    verify: ({ headers, body, key }) => Boolean(lithic.webhooks.parse(body, { headers, secret: key })),
  },
  {
    name: "dodo-payments",
    sdk: "dodopayments",
    signer: "standardwebhooks",
    ...standard(Webhook),
    verify: ({ headers, body, key }) => Boolean(dodo.webhooks.unwrap(body, { headers, key })),
  },
  {
    name: "whop",
    sdk: "@whop/sdk",
    signer: "standardwebhooks",
    ...standard(Webhook),
    verify: ({ headers, body, key }) => Boolean(whop.webhooks.unwrap(body, { headers, key })),
  },
  {
    name: "orb",
    sdk: "orb-billing",
    signer: "the SDK",
    secret: "orb-1d77aa0b",
    another: "orb-another",
    signature: "X-Orb-Signature",
    age: 400,
    event() {
      const id = unique("ev");
      return { id, type: "invoice.issued", body: json({ id, type: "invoice.issued" }) };
    },
    sign({ body }, key, at) {
      // As Orb writes it: UTC, and no word of it.
      const timestamp = new Date(at).toISOString().slice(0, 19);
      const signature = orb.webhooks.signPayload(body, { timestamp, secret: Buffer.from(key) });
      return { "X-Orb-Timestamp": timestamp, "X-Orb-Signature": signature };
    },
    verify: ({ headers, body, key }) => orb.webhooks.verifySignature(body, headers, key),
  },
  {
    name: "truelayer",
    sdk: "truelayer-signing",
    signer: "the SDK",
    secret: truelayerKeys("one"),
    another: truelayerKeys("one"),
    signature: "Tl-Signature",
    event() {
      const id = unique("tl-");
      return { id, type: "payment_executed", body: json({ type: "payment_executed", event_id: id }) };
    },
    sign({ body }, { kid, pem }, at) {
      const headers = { "X-Tl-Webhook-Timestamp": new Date(at).toISOString() };
      const made = { kid, privateKeyPem: pem, method: "POST", path: "/hooks/truelayer", headers, body };
      return { ...headers, "Tl-Signature": truelayer.sign(made) };
    },
    verify: ({ headers, body, key, path }) =>
      truelayer.verify({
        jwks: key,
        signature: headers["tl-signature"],
        method: "POST",
        path,
        headers,
        body,
        requiredHeaders: ["X-Tl-Webhook-Timestamp"],
      }),
  },
  {
    name: "chargebee",
    sdk: "chargebee",
    signer: "the rule",
    secret: "cb_user:pass:with:colons",
    another: "cb_user:another",
    signature: "Authorization",
    covered: false,
    event() {
      const id = unique("ev_");
      return { id, type: "invoice_generated", body: json({ id, event_type: "invoice_generated" }) };
    },
    sign: (_event, key) => ({ Authorization: `Basic ${Buffer.from(key).toString("base64")}` }),
    verify: ({ headers, key }) => basicAuthValidator((user, password) => `${user}:${password}` === key)(headers),
  },
  {
    name: "braintree",
    sdk: "braintree",
    signer: "the SDK",
    secret: "integration_private_key",
    another: "another_private_key",
    route: { options: { public_key: "integration_public_key" } },
    event: () => ({ type: "subscription_went_past_due", body: "" }),
    sign(event, key) {
      const kind = braintree.WebhookNotification.Kind.SubscriptionWentPastDue;
      event.body = new URLSearchParams(braintreeGateway(key).webhookTesting.sampleNotification(kind, unique("id"))).toString();
      return { "Content-Type": "application/x-www-form-urlencoded" };
    },
    spoil: (body) => body.replace(/%7C[0-9a-f]{40}/, `%7C${"0".repeat(40)}`),
    verify({ body, key }) {
      const form = new URLSearchParams(body);
      return braintreeGateway(key).webhookNotification.parse(form.get("bt_signature"), form.get("bt_payload"));
    },
    send: { body: undefined },
  },
  {
    name: "adyen",
    sdk: "@adyen/api-library",
    signer: "the SDK",
    answer: "[accepted]",
    secret: "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056",
    another: "54782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056",
    covered: false,
    event() {
      const item = adyenItem(unique("psp"));
      return { id: `${item.pspReference}:AUTHORISATION:true`, type: "AUTHORISATION", body: "", item };
    },
    sign(event, key) {
      event.item.additionalData = { hmacSignature: adyen.calculateHmac(event.item, key) };
      event.body = json({ live: "false", notificationItems: [{ NotificationRequestItem: event.item }] });
      return {};
    },
    spoil: (body) => body.replace('"value":1130', '"value":1131'),
    verify: ({ body, key }) =>
      JSON.parse(body).notificationItems.every((each) => adyen.validateHMAC(each.NotificationRequestItem, key)),
    send: "it signs in the header, as the platform does (the row below)",
  },
  {
    name: "adyen-platform",
    sdk: "@adyen/api-library",
    signer: "the SDK",
    provider: "adyen",
    answer: "[accepted]",
    secret: "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056",
    another: "54782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056",
    signature: "HmacSignature",
    event: () => ({ type: "balancePlatform.created", body: json({ type: "balancePlatform.created", data: { id: unique("BA") } }) }),
    sign: ({ body }, key) => ({ HmacSignature: adyen.calculateHmac(body, key), Protocol: "HmacSHA256" }),
    verify: ({ headers, body, key }) => adyen.validateHMACSignature(key, headers.hmacsignature, body),
  },
  {
    name: "finch",
    sdk: "@tryfinch/finch-api",
    signer: "the SDK",
    ...standard(Webhook),
    secret: "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    another: "AAKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    signature: "Finch-Signature",
    event: () => ({ id: unique("evt_"), type: "account.updated", body: json({ event_type: "account.updated" }) }),
    sign({ id, body }, key, at) {
      const when = { eventId: id, timestamp: new Date(seconds(at) * 1000), secret: finch.webhooks.parseSecret(key) };
      const signature = finch.webhooks.signPayload(body, when);
      return { "Finch-Event-Id": id, "Finch-Timestamp": String(seconds(at)), "Finch-Signature": signature };
    },
    verify: ({ headers, body, key }) => finch.webhooks.verifySignature(body, headers, key),
  },
].map(provider);
