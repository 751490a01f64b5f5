// Providers as rows of a table: what most of them have in common is tested here, once.
//
// A row:
//   name            the route's; also the provider's, where `provider` does not say another
//   sdk, signer     the package that verifies, and who signs: "the SDK", "the rule" (as documented), or another package
//   secret, another what the route has, and one of the same form that it has not. Where signing and verifying take different keys:
//                   { route, sign, verify }
//   route           more for the route: options, public_url
//   event()         { id, type, body }, new each time: what the entry must have. No id: a digest
//   sign(event, key, at)
//                   the provider's headers for `event.body`, at a time in milliseconds: by the SDK where it can sign, else by the
//                   documented rule. May change event.body, where the signature stands in it
//   verify({ headers, body, key, url })
//                   the SDK's verifier: an exception or false is a no. Names of headers are in small letters, body is text
//   signature       the header that has the signature, and `spot(value)` where it is to be changed, if not near its end; without a
//                   header `spoil(body)` changes what is signed in the body
//   covered: false  where a changed body is accepted, since the provider does not sign it
//   age             so many seconds old it must be refused
//   refusal         the status of a refusal, where it is not 401
//   unsigned        that of a delivery without a signature, where it is another
//   answer          what the provider hears, where it is not JSON with a status
//   query           what stands behind the path
//   send            a text: why `hookgate send` is not asked; else what Gateway.sent() is to take instead of the event's
//   more            tests of its own

import assert from "node:assert/strict";
import { createHash, createHmac } from "node:crypto";
import { awkward, unique } from "./harness.mjs";

export const publicUrl = "https://hooks.example.com";

export const hmac = (hash, key, text, encoding = "hex") => createHmac(hash, key).update(text).digest(encoding);
export const seconds = (at) => Math.floor(at / 1000);

// A token that is signed with HMAC-SHA256, where the SDK has no signer.
export function jwt(claims, key) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const signed = `${part({ alg: "HS256", typ: "JWT" })}.${part(claims)}`;
  return `${signed}.${hmac("sha256", key, signed, "base64url")}`;
}

export const sha256 = (text, encoding = "hex") => createHash("sha256").update(text).digest(encoding);

// JSON as no library would write it again, so that whoever parses and serializes is found out.
export const json = (fields) => `{ "note": "${awkward.replaceAll('"', '\\"')}",\t${JSON.stringify(fields).slice(1)}`;

export const lower = (headers) => Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));

const keys = (secret) => (typeof secret === "string" ? { route: secret, sign: secret, verify: secret } : secret);

async function makeDelivery(row, key, at = Date.now()) {
  const event = row.event();
  const headers = await row.sign(event, key.sign, at);
  return { ...event, headers, query: row.query, answer: row.answer };
}

// `url` is of a captured request: the path on the wire.
async function sdkSays(row, key, { headers, body, url }) {
  const path = url ?? `/hooks/${row.name}${row.query ?? ""}`;
  return row.verify({ headers: lower(headers), body: body.toString(), key: key.verify, path, url: publicUrl + path });
}

async function sdkAccepts(row, key, delivery) {
  assert.notEqual(await sdkSays(row, key, delivery), false, "the SDK refuses it");
}

// An exception is a no, but not one that says that the test called the SDK wrongly: the same call must have said yes before.
async function sdkRefuses(row, key, delivery) {
  let said;
  try {
    said = await sdkSays(row, key, delivery);
  } catch {
    said = false;
  }
  assert.equal(said, false, "the SDK accepts it");
}

async function refusesTampered(gateway, row, delivery) {
  const refused = (changed, reason) => gateway.refuses(row.name, { ...delivery, ...changed }, reason, row.refusal);
  const turned = (text, at) => text.slice(0, at) + (text[at] === "a" ? "b" : "a") + text.slice(at + 1);

  // A letter of json()'s note, so that JSON stays JSON.
  const letter = Math.max(delivery.body.indexOf("Zimt"), 0) || delivery.body.length >> 1;
  if (row.covered !== false) await refused({ body: turned(delivery.body, letter) });
  if (!row.signature) return refused({ body: row.spoil(delivery.body) });
  const name = Object.keys(delivery.headers).find((each) => each.toLowerCase() === row.signature.toLowerCase());
  const { [name]: value, ...others } = delivery.headers;
  // Not the very end: base64's last character may hold bits that mean nothing.
  await refused({ headers: { ...others, [name]: turned(value, row.spot?.(value) ?? value.length - 8) } });
  await gateway.refuses(row.name, { ...delivery, headers: others }, "signature_missing", row.unsigned ?? row.refusal);
}

function testsOf(row) {
  const own = keys(row.secret);
  const other = keys(row.another);
  const tests = {
    "what the SDK accepts is stored once, byte for byte": async (gateway) => {
      const delivery = await makeDelivery(row, own);
      await sdkAccepts(row, own, delivery);
      await gateway.accepts(row.name, delivery);
    },
    "a tampered one is refused": async (gateway) => refusesTampered(gateway, row, await makeDelivery(row, own)),
    "one of another secret is refused, by both": async (gateway) => {
      const delivery = await makeDelivery(row, other);
      await sdkAccepts(row, other, delivery);
      await sdkRefuses(row, own, delivery);
      await gateway.refuses(row.name, delivery, "signature_mismatch", row.refusal);
    },
  };
  if (row.age) {
    tests["a stale one is refused"] = async (gateway) =>
      gateway.refuses(row.name, await makeDelivery(row, own, Date.now() - row.age * 1000), "timestamp_out_of_tolerance", row.refusal);
  }
  if (typeof row.send !== "string") {
    tests["the SDK accepts what hookgate sends"] = async (gateway) => {
      const { type, body } = row.event();
      const sent = await gateway.sent(row.name, { type, body, ...row.send, secret: own.sign });
      if (!row.spoil) assert.equal(sent.body.toString(), body);
      await sdkAccepts(row, own, sent);
      await sdkRefuses(row, other, sent);
    };
  }
  return { ...tests, ...row.more };
}

export function provider(row) {
  return {
    sdk: row.sdk,
    signer: row.signer,
    send: row.send,
    route: {
      name: row.name,
      path: `/hooks/${row.name}`,
      provider: row.provider ?? row.name,
      secret: keys(row.secret).route,
      public_url: publicUrl,
      ...row.route,
    },
    tests: testsOf(row),
  };
}

// Standard Webhooks with these names of headers; `library` is the standardwebhooks package or what has its interface.
export const standard = (Webhook, prefix = "webhook") => ({
  secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
  another: "whsec_AAKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
  signature: `${prefix}-signature`,
  age: 400,
  event: () => ({ id: unique("msg_"), type: "invoice.paid", body: json({ type: "invoice.paid", data: { id: unique("inv_") } }) }),
  sign: ({ id, body }, key, at) => ({
    [`${prefix}-id`]: id,
    [`${prefix}-timestamp`]: String(seconds(at)),
    [`${prefix}-signature`]: new Webhook(key).sign(id, new Date(at), body),
  }),
});
