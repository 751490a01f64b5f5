// Messages, mail, chat, parcels, signatures, and AWS.

import assert from "node:assert/strict";
import { createSecretKey, generateKeyPairSync, sign as signBytes } from "node:crypto";
import https from "node:https";
import { Readable } from "node:stream";
import { gzipSync } from "node:zlib";
import { EventCallbackHelper } from "@dropbox/sign";
import EasyPost from "@easypost/api";
import { validateSignature as lineVerify } from "@line/bot-sdk";
import sendgrid from "@sendgrid/eventwebhook";
import { verifySignature as vonageVerify } from "@vonage/jwt";
import { verifyKey } from "discord-interactions";
import ebay from "event-notification-nodejs-sdk/lib/validator.js";
import ebayClient from "event-notification-nodejs-sdk/lib/client.js";
import { verifyWebhookSignature as mailtrapVerify } from "mailtrap";
import messagebird from "messagebird/lib/signature.js";
import messagebirdJwt from "messagebird/lib/webhook-signature-jwt.js";
import plivo from "plivo";
import Pusher from "pusher";
import SnsValidator from "sns-validator";
import { CheckSignature, gunzipPayload } from "stream-chat";
import twilio from "twilio";
import ViberValidator from "viber-bot/lib/message/message-validator.js";
import { unique } from "./harness.mjs";
import { hmac, json, jwt, provider, publicUrl, seconds, sha256 } from "./table.mjs";

const easypost = new EasyPost("none");
const mail = new sendgrid.EventWebhook();
const form = { "Content-Type": "application/x-www-form-urlencoded" };

// A pair of keys: the public one as the provider shows it, the private one to sign with.
function pair(kind, options, show) {
  const { privateKey, publicKey } = generateKeyPairSync(kind, options);
  const shown = show(publicKey);
  return { route: shown, sign: privateKey, verify: shown };
}

const sendgridKeys = () => pair("ec", { namedCurve: "P-256" }, (key) => key.export({ type: "spki", format: "der" }).toString("base64"));
const discordKeys = () => pair("ed25519", {}, (key) => key.export({ type: "spki", format: "der" }).subarray(-32).toString("hex"));
const pem = (key) => key.export({ type: "spki", format: "pem" });
const ebayKeys = () => pair("ec", { namedCurve: "P-256" }, pem);
const snsKeys = () => pair("rsa", { modulusLength: 2048 }, pem);

const topic = "arn:aws:sns:us-east-1:123456789012:orders";

// AWS' validator opens SigningCertURL itself: here it is given the key. It keeps what it got from an address, so each time it is another.
function snsVerify({ body, key }) {
  const message = { ...JSON.parse(body), SigningCertURL: `https://sns.us-east-1.amazonaws.com/${unique("Simple")}.pem` };
  const { get } = https;
  https.get = (_url, callback) => {
    const answer = Object.assign(Readable.from([key]), { statusCode: 200 });
    callback(answer);
    return answer;
  };
  return new Promise((resolve, reject) => {
    new SnsValidator().validate(message, (error) => (error ? reject(error) : resolve(true)));
  }).finally(() => (https.get = get));
}

export default [
  {
    name: "sendgrid",
    sdk: "@sendgrid/eventwebhook",
    signer: "the rule",
    secret: sendgridKeys(),
    another: sendgridKeys(),
    signature: "X-Twilio-Email-Event-Webhook-Signature",
    age: 100000,
    // It ends in CR LF, which is signed.
    event: () => ({ type: "", body: `[${json({ event: "delivered", sg_event_id: unique("sg") })}]\r\n` }),
    sign: ({ body }, key, at) => ({
      "X-Twilio-Email-Event-Webhook-Timestamp": String(seconds(at)),
      "X-Twilio-Email-Event-Webhook-Signature": signBytes("sha256", Buffer.from(seconds(at) + body), key).toString("base64"),
    }),
    verify: ({ headers, body, key }) =>
      mail.verifySignature(
        mail.convertPublicKeyToECDSA(key),
        body,
        headers["x-twilio-email-event-webhook-signature"],
        headers["x-twilio-email-event-webhook-timestamp"],
      ),
  },
  {
    name: "mailtrap",
    sdk: "mailtrap",
    signer: "the rule",
    secret: "mailtrap-1d77aa0b",
    another: "mailtrap-another",
    signature: "Mailtrap-Signature",
    event: () => ({ type: "", body: json({ events: [{ event: "delivery", event_id: unique("mt") }] }) }),
    sign: ({ body }, key) => ({ "Mailtrap-Signature": hmac("sha256", key, body) }),
    verify: ({ headers, body, key }) => mailtrapVerify(body, headers["mailtrap-signature"], key),
  },
  {
    name: "twilio",
    sdk: "twilio",
    signer: "the SDK",
    answer: "<Response/>",
    secret: "12345678901234567890123456789012",
    another: "92345678901234567890123456789012",
    signature: "X-Twilio-Signature",
    query: "?account=süß&x=1".replace("süß", encodeURIComponent("süß")),
    event() {
      const fields = { MessageSid: unique("SM"), MessageStatus: "delivered", Body: "süß + 🥐 & more", To: "+15005550006" };
      return { id: `${fields.MessageSid}:delivered`, type: "delivered", body: new URLSearchParams(fields).toString() };
    },
    sign({ body }, key) {
      const url = `${publicUrl}/hooks/twilio?account=${encodeURIComponent("süß")}&x=1`;
      const fields = Object.fromEntries(new URLSearchParams(body));
      return { ...form, "X-Twilio-Signature": twilio.getExpectedTwilioSignature(key, url, fields) };
    },
    verify: ({ headers, body, key, url }) =>
      twilio.validateRequest(key, headers["x-twilio-signature"], url, Object.fromEntries(new URLSearchParams(body))),
  },
  {
    name: "messagebird-legacy",
    sdk: "messagebird",
    signer: "the SDK",
    secret: "mb-1d77aa0b",
    another: "mb-another",
    signature: "MessageBird-Signature",
    age: 400,
    query: "?b=2&a=1",
    event() {
      const uuid = unique("mb");
      return { id: `${uuid}|delivered`, type: "", body: json({ message_uuid: uuid, status: "delivered" }) };
    },
    sign({ body }, key, at) {
      const headers = { "messagebird-request-timestamp": String(seconds(at)) };
      const request = { headers, query: { b: "2", a: "1" }, body };
      return { ...headers, "MessageBird-Signature": messagebird.generate(request, key).toString("base64") };
    },
    verify: ({ headers, body, key, url }) =>
      messagebird.validate({ headers, query: Object.fromEntries(new URL(url).searchParams), body }, key),
  },
  {
    name: "messagebird",
    sdk: "messagebird",
    signer: "the rule",
    secret: "mb-1d77aa0b",
    another: "mb-another",
    signature: "MessageBird-Signature-JWT",
    age: 400,
    query: "?b=2&a=1",
    event: () => ({ type: "delivered", body: json({ id: unique("mb"), status: "delivered" }) }),
    sign({ body }, key, at) {
      const times = { nbf: seconds(at), iat: seconds(at), exp: seconds(at) + 60 };
      const url_hash = sha256(`${publicUrl}/hooks/messagebird?b=2&a=1`);
      const claims = { iss: "MessageBird", jti: unique(""), ...times, url_hash, payload_hash: sha256(body) };
      return { "MessageBird-Signature-JWT": jwt(claims, key) };
    },
    verify: ({ headers, body, key, url }) =>
      messagebirdJwt.verify(url, Buffer.from(body), headers["messagebird-signature-jwt"], createSecretKey(Buffer.from(key))),
  },
  {
    name: "vonage",
    sdk: "@vonage/jwt",
    signer: "the rule",
    secret: "vonage-1d77aa0b",
    another: "vonage-another",
    signature: "Authorization",
    // It sends that again, signed.
    unsigned: 503,
    event() {
      const uuid = unique("vo");
      return { id: `${uuid}|delivered`, type: "delivered", body: json({ message_uuid: uuid, status: "delivered" }) };
    },
    sign({ body }, key, at) {
      const claims = { iss: "Vonage", iat: seconds(at), jti: unique(""), api_key: "none", payload_hash: sha256(body) };
      return { Authorization: `Bearer ${jwt(claims, key)}` };
    },
    verify: ({ headers, key }) => vonageVerify(headers.authorization.slice("Bearer ".length), key),
  },
  {
    name: "plivo",
    sdk: "plivo",
    signer: "the rule",
    answer: "<Response/>",
    secret: "plivo-1d77aa0b",
    another: "plivo-another",
    signature: "X-Plivo-Signature-V3",
    event() {
      const fields = { MessageUUID: unique("pl"), Status: "delivered", To: "+15005550006" };
      return { id: `${fields.MessageUUID}|delivered`, type: "delivered", body: new URLSearchParams(fields).toString() };
    },
    sign({ body }, key) {
      const nonce = unique("");
      const fields = [...new URLSearchParams(body)].sort().map(([name, value]) => name + value);
      const signed = `${publicUrl}/hooks/plivo?${fields.join("")}.${nonce}`;
      return { ...form, "X-Plivo-Signature-V3-Nonce": nonce, "X-Plivo-Signature-V3": hmac("sha256", key, signed, "base64") };
    },
    verify({ headers, body, key, url }) {
      const { "x-plivo-signature-v3-nonce": nonce, "x-plivo-signature-v3": signature } = headers;
      return plivo.validateV3Signature("POST", url, nonce, key, signature, Object.fromEntries(new URLSearchParams(body)));
    },
  },
  {
    name: "line",
    sdk: "@line/bot-sdk",
    signer: "the rule",
    secret: "8c570fa6dd201bb328f1c1eac23a96d8",
    another: "9c570fa6dd201bb328f1c1eac23a96d8",
    signature: "X-Line-Signature",
    event: () => ({ type: "message", body: json({ events: [{ type: "message", webhookEventId: unique("01") }] }) }),
    sign: ({ body }, key) => ({ "X-Line-Signature": hmac("sha256", key, body, "base64") }),
    verify: ({ headers, body, key }) => lineVerify(body, key, headers["x-line-signature"]),
  },
  {
    name: "discord",
    sdk: "discord-interactions",
    signer: "the rule",
    secret: discordKeys(),
    another: discordKeys(),
    signature: "X-Signature-Ed25519",
    age: 400,
    event() {
      const id = unique("");
      return { id, type: "2", body: json({ type: 2, id, data: { name: "order" } }) };
    },
    sign: ({ body }, key, at) => ({
      "X-Signature-Timestamp": String(seconds(at)),
      "X-Signature-Ed25519": signBytes(null, Buffer.from(seconds(at) + body), key).toString("hex"),
    }),
    verify: ({ headers, body, key }) => verifyKey(body, headers["x-signature-ed25519"], headers["x-signature-timestamp"], key),
  },
  {
    name: "viber",
    sdk: "viber-bot",
    signer: "the rule",
    secret: "445da6az1s345z78-dazcczb2542zv51a-e0vc5fva17480im9",
    another: "another",
    signature: "X-Viber-Content-Signature",
    event() {
      const token = unique("49");
      return { id: token, type: "message", body: json({ event: "message", message_token: token }) };
    },
    sign: ({ body }, key) => ({ "X-Viber-Content-Signature": hmac("sha256", key, body) }),
    verify: ({ headers, body, key }) => new ViberValidator({ debug() {} }, key).validateMessage(headers["x-viber-content-signature"], body),
  },
  {
    name: "getstream",
    sdk: "stream-chat",
    signer: "the rule",
    secret: "stream-1d77aa0b",
    another: "stream-another",
    signature: "X-Signature",
    event: () => ({ id: unique("gs-"), type: "message.new", body: json({ type: "message.new", n: unique("") }) }),
    sign: ({ id, body }, key) => ({ "X-Webhook-Id": id, "X-Signature": hmac("sha256", key, body) }),
    verify: ({ headers, body, key }) => CheckSignature(body, key, headers["x-signature"]),
    more: {
      "a body that was compressed after it was signed is stored as it came": async (gateway) => {
        const [id, body] = [unique("gs-"), json({ type: "message.new" })];
        const headers = { "X-Webhook-Id": id, "X-Signature": hmac("sha256", "stream-1d77aa0b", body), "Content-Encoding": "gzip" };
        const packed = gzipSync(body);
        assert.equal(CheckSignature(gunzipPayload(packed).toString(), "stream-1d77aa0b", headers["X-Signature"]), true);
        await gateway.accepts("getstream", { id, type: "message.new", headers, body: packed });
      },
    },
  },
  {
    name: "pusher",
    sdk: "pusher",
    signer: "the SDK",
    secret: "7ad3773142a6692b25b8",
    another: "8ad3773142a6692b25b8",
    route: { options: { key: "278d425bdf160c739803" } },
    signature: "X-Pusher-Signature",
    event: () => ({ type: "channel_occupied", body: json({ time_ms: 1, events: [{ name: "channel_occupied", channel: unique("c") }] }) }),
    sign: ({ body }, key) => ({
      "X-Pusher-Key": "278d425bdf160c739803",
      "X-Pusher-Signature": new Pusher.Token("278d425bdf160c739803", key).sign(body),
    }),
    verify({ headers, body, key }) {
      const pusher = new Pusher({ appId: "none", key: "278d425bdf160c739803", secret: key });
      return pusher.webhook({ headers: { "content-type": "application/json", ...headers }, rawBody: body }).isValid();
    },
  },
  {
    name: "easypost",
    sdk: "@easypost/api",
    signer: "the rule",
    secret: "easy-1d77aa0b",
    another: "another-1d77aa0b",
    signature: "X-Hmac-Signature",
    event() {
      const id = unique("evt_");
      return { id, type: "tracker.updated", body: json({ id, description: "tracker.updated", object: "Event" }) };
    },
    sign: ({ body }, key) => ({ "X-Hmac-Signature": `hmac-sha256-hex=${hmac("sha256", key, body)}` }),
    verify: ({ headers, body, key }) => Boolean(easypost.Utils.validateWebhook(Buffer.from(body), headers, key)),
  },
  {
    name: "dropbox-sign",
    sdk: "@dropbox/sign",
    signer: "the rule",
    answer: "Hello API Event Received",
    secret: "324e3b0840f065eb51f3fd63231d0d33daa35d4ed10d27718839e81737065782",
    another: "424e3b0840f065eb51f3fd63231d0d33daa35d4ed10d27718839e81737065782",
    covered: false,
    event: () => ({ type: "signature_request_sent", body: "" }),
    sign(event, key, at) {
      const made = { event_time: String(seconds(at)), event_type: event.type };
      made.event_hash = hmac("sha256", key, made.event_time + made.event_type);
      const request = { signature_request_id: unique("") };
      event.body = new URLSearchParams({ json: JSON.stringify({ event: made, signature_request: request }) }).toString();
      event.id = `${made.event_hash}|${request.signature_request_id}`;
      return form;
    },
    spoil: (body) => body.replace("signature_request_sent", "signature_request_done"),
    verify({ body, key }) {
      const { event } = JSON.parse(new URLSearchParams(body).get("json"));
      return EventCallbackHelper.isValid(key, {
        event: { eventTime: event.event_time, eventType: event.event_type, eventHash: event.event_hash },
      });
    },
    send: { body: undefined },
  },
  {
    name: "ebay",
    sdk: "event-notification-nodejs-sdk",
    signer: "the rule",
    secret: ebayKeys(),
    another: ebayKeys(),
    signature: "x-ebay-signature",
    // It is base64 of JSON, of which the end says nothing.
    spot: (value) => value.length >> 1,
    // Its SDK checks what JSON.stringify makes of the parsed message.
    event() {
      const id = unique("ebay-");
      const body = { metadata: { topic: "MARKETPLACE_ACCOUNT_DELETION" }, notification: { notificationId: id, data: "süß 🥐" } };
      return { id, type: body.metadata.topic, body: JSON.stringify(body) };
    },
    sign({ body }, key) {
      const signature = signBytes("sha1", Buffer.from(body), key).toString("base64");
      const header = { alg: "ecdsa", kid: "9936261a-7d7b-4621-a0f1-964cc2f4bbbb", signature, digest: "SHA1" };
      return { "x-ebay-signature": Buffer.from(JSON.stringify(header)).toString("base64") };
    },
    verify({ headers, body, key }) {
      // The key comes without line breaks, as eBay's API gives it.
      ebayClient.getPublicKey = async () => ({ key: key.replace(/\n/g, "") });
      return ebay.validateSignature(JSON.parse(body), headers["x-ebay-signature"], {});
    },
  },
  {
    name: "aws-sns",
    sdk: "sns-validator",
    signer: "the rule",
    secret: snsKeys(),
    another: snsKeys(),
    route: { options: { topics: [topic] } },
    covered: false,
    age: 8000,
    event: () => ({ id: unique("sns-"), type: "Notification", body: "" }),
    sign(event, key, at) {
      const message = {
        Type: "Notification",
        MessageId: event.id,
        TopicArn: topic,
        Subject: "an order",
        Message: json({ order: 1 }),
        Timestamp: new Date(at).toISOString(),
        SignatureVersion: "2",
        SigningCertURL: "https://sns.us-east-1.amazonaws.com/SimpleNotificationService.pem",
      };
      const signed = ["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"].map((name) => `${name}\n${message[name]}\n`);
      message.Signature = signBytes("sha256", Buffer.from(signed.join("")), key).toString("base64");
      event.body = JSON.stringify(message);
      return { "Content-Type": "text/plain; charset=UTF-8", "x-amz-sns-message-type": "Notification" };
    },
    spoil: (body) => body.replace("an order", "no order"),
    verify: snsVerify,
    send: { body: undefined },
  },
].map(provider);
