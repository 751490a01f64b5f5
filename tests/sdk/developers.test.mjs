// What developers build with: AI, identity, media, content, tools.

import { generateKeyPairSync } from "node:crypto";
import { Webhook as SvixWebhook } from "svix";
import Anthropic from "@anthropic-ai/sdk";
import { verifyWebhook as clerkVerify } from "@clerk/backend/webhooks";
import { signRequest, verifyRequest } from "@contentful/node-apps-toolkit";
import { verifyWebhookSignature as hookdeckVerify } from "@hookdeck/sdk/webhooks/helpers.js";
import hygraph from "@hygraph/utils";
import { signatureHelper as kontent } from "@kontent-ai/webhook-helper";
import { LinearWebhookClient } from "@linear/sdk/webhooks";
import { WebhookHandler as Liveblocks } from "@liveblocks/node";
import Mux from "@mux/mux-node";
import { signWebhookPayload, verifyWebhookSignature as notionVerify } from "@notionhq/client";
import { WebhookEventVerifier as Onfido } from "@onfido/api";
import { assertValidSignature, encodeSignatureHeader } from "@sanity/webhook";
import { Receiver } from "@upstash/qstash";
import { WorkOS } from "@workos-inc/node";
import * as atlassian from "atlassian-jwt";
import { v2 as cloudinary } from "cloudinary";
import messages from "http-message-signatures";
import ImageKit from "imagekit";
import { AccessToken, WebhookReceiver } from "livekit-server-sdk";
import OpenAI from "openai";
import { validateWebhook as replicateVerify } from "replicate";
import { Resend } from "resend";
import { Retell } from "retell-sdk";
import { Webhook } from "standardwebhooks";
import { WebflowClient } from "webflow-api";
import { unique } from "./harness.mjs";
import { hmac, json, jwt, provider, publicUrl, seconds, sha256, standard } from "./table.mjs";

const openai = new OpenAI({ apiKey: "none" });
const anthropic = new Anthropic({ apiKey: "none" });
const resend = new Resend("none");
const mux = new Mux({ tokenId: "none", tokenSecret: "none" });
const webflow = new WebflowClient({ accessToken: "none" });
const workos = new WorkOS("none");
const imagekit = new ImageKit({ publicKey: "none", privateKey: "none", urlEndpoint: "https://example.com" });

function ed25519() {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const pem = publicKey.export({ type: "spki", format: "pem" });
  return { route: pem, sign: privateKey, verify: pem };
}

const digestOf = (body) => `sha-256=:${sha256(body, "base64")}:`;

// RFC 9421 is no vendor's; that the digest is the body's is not its library's business.
const httpMessage = ({ name, alg, secret, another }) => ({
  name,
  provider: "rfc9421",
  sdk: "http-message-signatures",
  signer: "the SDK",
  secret,
  another,
  signature: "Signature",
  age: 400,
  event() {
    const id = unique("msg-");
    return { id, type: "order.paid", body: json({ type: "order.paid" }) };
  },
  async sign({ id, body }, key, at) {
    const message = { method: "POST", url: `${publicUrl}/hooks/${name}`, headers: { "Content-Digest": digestOf(body), "Idempotency-Key": id } };
    const config = {
      key: messages.createSigner(key, alg, "test"),
      fields: ["@method", "@target-uri", "content-digest", "idempotency-key"],
      params: ["created", "keyid", "alg"],
      paramValues: { created: new Date(at) },
    };
    return (await messages.httpbis.signMessage(config, message)).headers;
  },
  async verify({ headers, body, key, url }) {
    const verifier = { id: "any", algs: [alg], verify: messages.createVerifier(key, alg) };
    const verified = await messages.httpbis.verifyMessage(
      { keyLookup: async () => verifier, requiredFields: ["content-digest"], all: true },
      { method: "POST", url, headers },
    );
    return verified === true && headers["content-digest"] === digestOf(body);
  },
});

export default [
  {
    name: "svix",
    sdk: "svix",
    signer: "the SDK",
    ...standard(SvixWebhook, "svix"),
    verify: ({ headers, body, key }) => Boolean(new SvixWebhook(key).verify(body, headers)),
  },
  {
    name: "resend",
    sdk: "resend",
    signer: "svix",
    ...standard(SvixWebhook, "svix"),
    verify: ({ headers, body, key }) =>
      Boolean(
        resend.webhooks.verify({
          payload: body,
          headers: { id: headers["svix-id"], timestamp: headers["svix-timestamp"], signature: headers["svix-signature"] },
          webhookSecret: key,
        }),
      ),
  },
  {
    name: "clerk",
    sdk: "@clerk/backend",
    signer: "svix",
    ...standard(SvixWebhook, "svix"),
    verify: ({ headers, body, key, url }) => clerkVerify(new Request(url, { method: "POST", headers, body }), { signingSecret: key }),
  },
  {
    name: "openai",
    sdk: "openai",
    signer: "standardwebhooks",
    ...standard(Webhook),
    verify: ({ headers, body, key }) => openai.webhooks.unwrap(body, headers, key),
  },
  {
    name: "anthropic",
    sdk: "@anthropic-ai/sdk",
    signer: "standardwebhooks",
    ...standard(Webhook),
    event: () => ({ id: unique("msg_"), type: "batch.completed", body: json({ type: "event", data: { type: "batch.completed" } }) }),
    verify: ({ headers, body, key }) => Boolean(anthropic.beta.webhooks.unwrap(body, { headers, key })),
  },
  {
    name: "replicate",
    sdk: "replicate",
    signer: "standardwebhooks",
    ...standard(Webhook),
    event: () => ({ id: unique("msg_"), type: "succeeded", body: json({ id: unique("p"), status: "succeeded" }) }),
    verify: ({ headers, body, key }) =>
      replicateVerify({
        id: headers["webhook-id"],
        timestamp: headers["webhook-timestamp"],
        signature: headers["webhook-signature"],
        body,
        secret: key,
      }),
  },
  {
    name: "liveblocks",
    sdk: "@liveblocks/node",
    signer: "standardwebhooks",
    ...standard(Webhook),
    // The SDK takes none but the types that it knows.
    event: () => ({ id: unique("msg_"), type: "storageUpdated", body: json({ type: "storageUpdated", data: { roomId: unique("") } }) }),
    verify: ({ headers, body, key }) => Boolean(new Liveblocks(key).verifyRequest({ headers, rawBody: body })),
  },
  {
    name: "livekit",
    sdk: "livekit-server-sdk",
    signer: "the SDK",
    secret: "livekit-1d77aa0b5f2d0c1b7a9e48361d77aa0b",
    another: "livekit-another5f2d0c1b7a9e48361d77aa0b",
    route: { options: { api_key: "APIkey" } },
    signature: "Authorization",
    event() {
      const id = unique("EV_");
      return { id, type: "room_started", body: json({ event: "room_started", id }) };
    },
    async sign({ body }, key) {
      const token = new AccessToken("APIkey", key);
      token.sha256 = sha256(body, "base64");
      return { "Content-Type": "application/webhook+json", Authorization: await token.toJwt() };
    },
    verify: async ({ headers, body, key }) => Boolean(await new WebhookReceiver("APIkey", key).receive(body, headers.authorization)),
  },
  {
    name: "qstash",
    sdk: "@upstash/qstash",
    signer: "the rule",
    secret: "sig_1d77aa0b5f2d0c1b",
    another: "sig_another5f2d0c1b",
    signature: "Upstash-Signature",
    age: 400,
    event: () => ({ id: unique("msg_"), type: "", body: json({ n: unique("") }) }),
    sign({ id, body }, key, at) {
      const times = { exp: seconds(at) + 300, nbf: seconds(at), iat: seconds(at) };
      const claims = { iss: "Upstash", sub: `${publicUrl}/hooks/qstash`, ...times, jti: `jwt_${id}`, body: sha256(body, "base64url") };
      return { "Upstash-Message-Id": id, "Upstash-Signature": jwt(claims, key) };
    },
    verify: ({ headers, body, key, url }) =>
      new Receiver({ currentSigningKey: key, nextSigningKey: key }).verify({ signature: headers["upstash-signature"], body, url }),
  },
  {
    name: "hookdeck",
    sdk: "@hookdeck/sdk",
    signer: "the rule",
    secret: "hookdeck-1d77aa0b",
    another: "hookdeck-another",
    signature: "x-hookdeck-signature",
    event: () => ({ id: unique("evt_"), type: "", body: json({ n: unique("") }) }),
    sign: ({ id, body }, key) => ({ "x-hookdeck-eventid": id, "x-hookdeck-signature": hmac("sha256", key, body, "base64") }),
    verify: async ({ headers, body, key }) => (await hookdeckVerify({ headers, rawBody: body, signingSecret: key })).isValidSignature,
  },
  {
    name: "webflow",
    sdk: "webflow-api",
    signer: "the rule",
    secret: "webflow-1d77aa0b",
    another: "webflow-another",
    signature: "X-Webflow-Signature",
    age: 400,
    event: () => ({ type: "form_submission", body: json({ triggerType: "form_submission", payload: { id: unique("") } }) }),
    sign: ({ body }, key, at) => ({
      "X-Webflow-Timestamp": String(at),
      "X-Webflow-Signature": hmac("sha256", key, `${at}:${body}`),
    }),
    verify: ({ headers, body, key }) => webflow.webhooks.verifySignature({ headers, body, secret: key }),
  },
  {
    name: "hygraph",
    sdk: "@hygraph/utils",
    signer: "the SDK",
    secret: "hygraph-1d77aa0b",
    another: "hygraph-another",
    signature: "gcms-signature",
    spot: (value) => value.indexOf("=") + 8,
    event: () => ({ type: "publish", body: json({ operation: "publish", data: { __typename: "Post", id: unique("") } }) }),
    sign: ({ body }, key) => ({
      "gcms-signature": hygraph.generateWebhookSignature({ rawPayload: body, secret: key, environmentName: "production" }),
    }),
    verify: ({ headers, body, key }) =>
      hygraph.verifyWebhookSignature({ rawPayload: body, signature: headers["gcms-signature"], secret: key }),
  },
  {
    name: "retell",
    sdk: "retell-sdk",
    signer: "the SDK",
    secret: "key_1d77aa0b5f2d0c1b",
    another: "key_another",
    signature: "X-Retell-Signature",
    age: 400,
    event() {
      const call = unique("call_");
      return { id: `call_ended:${call}`, type: "call_ended", body: json({ event: "call_ended", call: { call_id: call } }) };
    },
    // Retell.sign() takes no time: its signature is made by the rule where it is to be old.
    sign: async ({ body }, key, at) => ({
      "X-Retell-Signature":
        Math.abs(Date.now() - at) < 1000 ? await Retell.sign(body, key) : `v=${at},d=${hmac("sha256", key, body + at)}`,
    }),
    verify: ({ headers, body, key }) => Retell.verify(body, key, headers["x-retell-signature"]),
  },
  {
    name: "mux",
    sdk: "@mux/mux-node",
    signer: "the SDK",
    secret: "mux-1d77aa0b",
    another: "mux-another",
    signature: "mux-signature",
    age: 400,
    event() {
      const id = unique("mux-");
      return { id, type: "video.asset.ready", body: json({ id, type: "video.asset.ready" }) };
    },
    sign: async ({ body }, key, at) => ({
      "mux-signature": `t=${seconds(at)},v1=${await mux.webhooks.computeSignature(`${seconds(at)}.${body}`, key)}`,
    }),
    verify: ({ headers, body, key }) => mux.webhooks.verifySignature(body, headers, key),
  },
  {
    name: "imagekit",
    sdk: "imagekit",
    signer: "the rule",
    secret: "whsec_1d77aa0b5f2d0c1b",
    another: "whsec_another",
    signature: "x-ik-signature",
    age: 400,
    event() {
      const id = unique("ik-");
      return { id, type: "video.transformation.ready", body: json({ id, type: "video.transformation.ready" }) };
    },
    sign: ({ body }, key, at) => ({ "x-ik-signature": `t=${at},v1=${hmac("sha256", key, `${at}.${body}`)}` }),
    verify: ({ headers, body, key }) => Boolean(imagekit.verifyWebhookEvent(body, headers["x-ik-signature"], key)),
  },
  {
    name: "cloudinary",
    sdk: "cloudinary",
    signer: "the SDK",
    secret: "cld-1d77aa0b",
    another: "cld-another",
    signature: "X-Cld-Signature",
    age: 7300,
    event() {
      const id = unique("cld");
      return { id, type: "upload", body: json({ notification_type: "upload", notification_id: id }) };
    },
    sign: ({ body }, key, at) => ({
      "X-Cld-Timestamp": String(seconds(at)),
      "X-Cld-Signature": cloudinary.utils.webhook_signature(body, String(seconds(at)), { api_secret: key }),
    }),
    verify({ headers, body, key }) {
      cloudinary.config({ api_secret: key });
      return cloudinary.utils.verifyNotificationSignature(body, headers["x-cld-timestamp"], headers["x-cld-signature"]);
    },
  },
  {
    name: "contentful",
    sdk: "@contentful/node-apps-toolkit",
    signer: "the SDK",
    secret: "s".repeat(64),
    another: "t".repeat(64),
    signature: "x-contentful-signature",
    age: 400,
    event() {
      const id = unique("c");
      return { id: `${id}:3`, type: "ContentManagement.Entry.save", body: json({ sys: { id, revision: 3 } }) };
    },
    sign({ body }, key, at) {
      const headers = { "x-contentful-topic": "ContentManagement.Entry.save" };
      return { ...headers, ...signRequest(key, { method: "POST", path: "/hooks/contentful", headers, body }, at) };
    },
    verify: ({ headers, body, key, path }) => verifyRequest(key, { method: "POST", path, headers, body }),
  },
  {
    name: "kontent-ai",
    sdk: "@kontent-ai/webhook-helper",
    signer: "the SDK",
    secret: "kontent-1d77aa0b",
    another: "kontent-another",
    signature: "X-Kontent-ai-Signature",
    event: () => ({ type: "published", body: json({ notifications: [{ n: unique(""), message: { action: "published" } }] }) }),
    sign: ({ body }, key) => ({ "X-Kontent-ai-Signature": kontent.getHashFromString(body, key) }),
    verify: ({ headers, body, key }) => kontent.isValidSignatureFromString(body, key, headers["x-kontent-ai-signature"]),
  },
  {
    name: "sanity",
    sdk: "@sanity/webhook",
    signer: "the SDK",
    secret: "sanity-1d77aa0b",
    another: "sanity-another",
    signature: "sanity-webhook-signature",
    age: 400,
    event: () => ({ id: unique("idem-"), type: "update", body: json({ _id: unique("doc"), _type: "post" }) }),
    sign: async ({ id, body }, key, at) => ({
      "idempotency-key": id,
      "sanity-operation": "update",
      "sanity-webhook-signature": await encodeSignatureHeader(body, at, key),
    }),
    verify: ({ headers, body, key }) => assertValidSignature(body, headers["sanity-webhook-signature"], key),
  },
  {
    name: "notion",
    sdk: "@notionhq/client",
    signer: "the SDK",
    secret: "secret_tMrlL1qK5vuQAh1b6cZGhFChZTSYJlce98V0pYn7yBl",
    another: "secret_another",
    signature: "X-Notion-Signature",
    event() {
      const id = unique("n-");
      return { id, type: "page.created", body: json({ id, type: "page.created" }) };
    },
    sign: async ({ body }, key) => ({ "X-Notion-Signature": await signWebhookPayload({ body, verificationToken: key }) }),
    verify: ({ headers, body, key }) => notionVerify({ body, signature: headers["x-notion-signature"], verificationToken: key }),
  },
  {
    name: "linear",
    sdk: "@linear/sdk",
    signer: "the rule",
    secret: "lin_wh_1d77aa0b",
    another: "lin_wh_another",
    signature: "Linear-Signature",
    age: 400,
    event: () => ({ id: unique("linear-"), type: "Issue", body: json({ type: "Issue", n: unique(""), webhookTimestamp: Date.now() }) }),
    sign(event, key, at) {
      event.body = event.body.replace(/("webhookTimestamp":)\d+/, `$1${at}`);
      return { "Linear-Delivery": event.id, "Linear-Event": "Issue", "Linear-Signature": hmac("sha256", key, event.body) };
    },
    verify: ({ headers, body, key }) => new LinearWebhookClient(key).verify(Buffer.from(body), headers["linear-signature"]),
  },
  {
    name: "onfido",
    sdk: "@onfido/api",
    signer: "the rule",
    secret: "onfido-1d77aa0b",
    another: "onfido-another",
    signature: "X-SHA2-Signature",
    event() {
      const id = unique("onf-");
      const payload = { resource_type: "check", action: "check.completed", object: { id } };
      return { id: `${id}|check.completed`, type: "check.completed", body: json({ payload }) };
    },
    sign: ({ body }, key) => ({ "X-SHA2-Signature": hmac("sha256", key, body) }),
    verify: ({ headers, body, key }) => Boolean(new Onfido(key).readPayload(body, headers["x-sha2-signature"])),
  },
  {
    name: "workos",
    sdk: "@workos-inc/node",
    signer: "the SDK",
    secret: "workos-1d77aa0b",
    another: "workos-another",
    signature: "WorkOS-Signature",
    age: 400,
    // The SDK signs and checks what JSON.stringify makes of the body that was parsed, so this is written as JSON.stringify does.
    event() {
      const id = unique("event_");
      return { id, type: "user.created", body: JSON.stringify({ id, event: "user.created", data: { name: "süß 🥐" } }) };
    },
    sign: async ({ body }, key, at) => ({
      "WorkOS-Signature": `t=${at}, v1=${await workos.webhooks.computeSignature(at, JSON.parse(body), key)}`,
    }),
    verify: ({ headers, body, key }) =>
      workos.webhooks.verifyHeader({ payload: JSON.parse(body), sigHeader: headers["workos-signature"], secret: key }),
  },
  {
    name: "atlassian-connect",
    sdk: "atlassian-jwt",
    signer: "the SDK",
    secret: "atlassian-1d77aa0b5f2d0c1b7a9e4836",
    another: "atlassian-another-5f2d0c1b7a9e4836",
    signature: "Authorization",
    covered: false,
    age: 1000,
    query: "?user_id=a%20b&tag=2&tag=1",
    event: () => ({ id: unique("ac-"), type: "jira:issue_updated", body: json({ webhookEvent: "jira:issue_updated" }) }),
    sign({ id }, key, at) {
      const request = atlassian.fromMethodAndUrl("POST", "/hooks/atlassian-connect?user_id=a%20b&tag=2&tag=1");
      const claims = { iss: "tenant", iat: seconds(at), exp: seconds(at) + 180, qsh: atlassian.createQueryStringHash(request) };
      return { "X-Atlassian-Webhook-Identifier": id, Authorization: `JWT ${atlassian.encodeSymmetric(claims, key)}` };
    },
    verify({ headers, key, path }) {
      const claims = atlassian.decodeSymmetric(headers.authorization.slice(4), key, "HS256");
      return claims.qsh === atlassian.createQueryStringHash(atlassian.fromMethodAndUrl("POST", path));
    },
  },
  httpMessage({ name: "rfc9421", alg: "hmac-sha256", secret: "rfc9421-shared-0123456789", another: "rfc9421-another-0123456789" }),
  httpMessage({ name: "rfc9421-key", alg: "ed25519", secret: ed25519(), another: ed25519() }),
].map(provider);
