// A Redis and a gateway in a folder of their own, and what tests do with them.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { KeyObject } from "node:crypto";
import { once } from "node:events";
import { existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import net from "node:net";
import os from "node:os";
import path from "node:path";

const PROGRAM = process.env.HOOKGATE;
const PATIENCE_MS = 20000;

export class Workspace {
  constructor() {
    this.folder = mkdtempSync(path.join(os.tmpdir(), "hookgate-sdk-"));
  }
  file(name) {
    return path.join(this.folder, name);
  }
  remove() {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

async function freePort() {
  const server = net.createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

// Asks until the answer is yes; a child that ends first is a failure with its output.
async function until(what, child, condition) {
  const end = Date.now() + PATIENCE_MS;
  while (!(await condition())) {
    if (child.ended !== undefined || Date.now() > end) {
      throw new Error(`${what} did not get ready (exit status ${child.ended})\n${child.output()}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

class Child {
  constructor(command, args, log) {
    this.log = log;
    const out = openSync(log, "a");
    this.process = spawn(command, args, { stdio: ["ignore", out, out] });
    this.exit = new Promise((resolve) => {
      this.process.on("error", (error) => resolve((this.ended = error.message)));
      this.process.on("exit", (code, signal) => resolve((this.ended = signal ?? code)));
    });
  }
  output() {
    return existsSync(this.log) ? readFileSync(this.log, "utf8").slice(-5000) : "";
  }
  async stop() {
    if (this.ended === undefined) this.process.kill("SIGTERM");
    const late = setTimeout(() => this.process.kill("SIGKILL"), PATIENCE_MS);
    await this.exit;
    clearTimeout(late);
    return this.ended;
  }
}

// Speaks just enough of Redis' protocol; values are Buffers, since bodies need not be text.
export class Redis extends Child {
  static async start(workspace) {
    const socket = workspace.file("redis.sock");
    const args = ["--port", "0", "--unixsocket", socket, "--dir", workspace.folder, "--save", "", "--appendonly", "no"];
    const redis = new Redis("redis-server", args, workspace.file("redis.log"));
    redis.socket = socket;
    await until("redis-server", redis, async () => (await redis.command("PING").catch(() => null))?.toString() === "PONG");
    return redis;
  }

  async command(...words) {
    const socket = net.connect(this.socket);
    const parts = words.map((word) => Buffer.from(String(word)));
    socket.write(`*${parts.length}\r\n`);
    for (const part of parts) socket.write(Buffer.concat([Buffer.from(`$${part.length}\r\n`), part, Buffer.from("\r\n")]));
    let have = Buffer.alloc(0);
    try {
      for await (const chunk of socket) {
        have = Buffer.concat([have, chunk]);
        const reply = readReply(have, 0);
        if (reply) {
          if (reply.value instanceof Error) throw reply.value;
          return reply.value;
        }
      }
    } finally {
      socket.destroy();
    }
    throw new Error(`redis: no whole reply to ${words[0]}`);
  }

  // The entries of a route's stream: { entry, id, type, data, ... }, data as a Buffer, the rest as text.
  async entries(route) {
    const entries = await this.command("XRANGE", `hookgate:{${route}}:events`, "-", "+");
    return entries.map(([entry, fields]) => {
      const event = { entry: entry.toString() };
      for (let i = 0; i < fields.length; i += 2) {
        const name = fields[i].toString();
        event[name] = name === "data" ? fields[i + 1] : fields[i + 1].toString();
      }
      return event;
    });
  }
}

// One reply from `at` on: { value, next }, or null when it is not whole yet.
function readReply(bytes, at) {
  const end = bytes.indexOf("\r\n", at);
  if (end < 0) return null;
  const kind = String.fromCharCode(bytes[at]);
  const text = bytes.subarray(at + 1, end).toString();
  let next = end + 2;
  switch (kind) {
    case "+":
      return { value: Buffer.from(text), next };
    case "-":
      return { value: new Error(`redis: ${text}`), next };
    case ":":
      return { value: Number(text), next };
    case "$": {
      const size = Number(text);
      if (size < 0) return { value: null, next };
      return bytes.length < next + size + 2 ? null : { value: bytes.subarray(next, next + size), next: next + size + 2 };
    }
    case "*": {
      const value = [];
      for (let i = 0; i < Number(text); i++) {
        const item = readReply(bytes, next);
        if (!item) return null;
        value.push(item.value);
        next = item.next;
      }
      return { value, next };
    }
    default:
      throw new Error(`redis: what is ${kind}${text}?`);
  }
}

// An HTTP request by node's own client, which sends the bytes of `body` as they are.
export async function request(port, { method = "POST", path = "/", headers = {}, body = "" }) {
  const call = http.request({ host: "127.0.0.1", port, method, path, agent: false, headers: { ...headers, "Content-Length": Buffer.byteLength(body) } });
  call.end(body);
  const [answer] = await once(call, "response");
  const chunks = [];
  for await (const chunk of answer) chunks.push(chunk);
  return { status: answer.statusCode, headers: answer.headers, body: Buffer.concat(chunks).toString() };
}

// Takes one request, answers 200, and hands it over as it was on the wire: { method, url, headers, body }.
async function capture(call) {
  const server = http.createServer();
  const captured = new Promise((resolve) => {
    server.on("request", async (message, answer) => {
      const chunks = [];
      for await (const chunk of message) chunks.push(chunk);
      answer.end('{"status":"accepted"}');
      resolve({ method: message.method, url: message.url, headers: message.headers, body: Buffer.concat(chunks) });
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    await call(server.address().port);
    const nothing = new Promise((resolve) => setTimeout(resolve, 1000, null));
    const request = await Promise.race([captured, nothing]);
    assert.ok(request, "hookgate send ended well, and sent nothing");
    return request;
  } finally {
    server.close();
    server.closeAllConnections?.();
  }
}

export class Gateway extends Child {
  static async start(workspace, redis, routes) {
    const [port, admin] = [await freePort(), await freePort()];
    const config = workspace.file("hookgate.yaml");
    const settings = {
      listen: `127.0.0.1:${port}`,
      admin: { listen: `127.0.0.1:${admin}` },
      redis: { url: `unix://${redis.socket}` },
      routes,
    };
    // JSON is YAML.
    writeFileSync(config, JSON.stringify(settings, null, 2));
    const gateway = new Gateway(PROGRAM, ["serve", "-c", config], workspace.file("gateway.log"));
    Object.assign(gateway, { port, config, redis, workspace, routes });
    await until("hookgate", gateway, async () => (await request(admin, { method: "GET", path: "/readyz" }).catch(() => null))?.status === 200);
    return gateway;
  }

  deliver(route, headers, body, query = "") {
    const { path } = this.routes.find(({ name }) => name === route);
    return request(this.port, { path: path + query, headers: { "Content-Type": "application/json", ...headers }, body });
  }

  // What `call` added to the route's stream.
  async added(route, call) {
    const before = new Set((await this.redis.entries(route)).map(({ entry }) => entry));
    await call();
    return (await this.redis.entries(route)).filter(({ entry }) => !before.has(entry));
  }

  // A delivery that must be accepted: answered 200, one entry with these very bytes, and once only when it comes again.
  async accepts(route, { headers, body, id, type, query, answer }) {
    const entries = await this.added(route, async () => {
      assert.deepEqual(outcome(await this.deliver(route, headers, body, query)), [200, answer ?? "accepted"]);
      assert.deepEqual(outcome(await this.deliver(route, headers, body, query)), [200, answer ?? "duplicate"]);
    });
    assert.equal(entries.length, 1, "entries for one event that was delivered twice");
    const [event] = entries;
    assert.ok(event.data.equals(Buffer.from(body)), `data is not the body:\n${event.data}`);
    // A provider without ids of its own gives a digest, of which no more is known here.
    if (id === undefined) assert.match(event.id, /./);
    else assert.equal(event.id, id);
    assert.equal(event.type, type);
    assert.equal(event.route, route);
    return event;
  }

  // A delivery that must be refused and leave nothing behind.
  async refuses(route, { headers, body, query }, expected = "signature_mismatch", status = 401) {
    const entries = await this.added(route, async () => {
      assert.deepEqual(outcome(await this.deliver(route, headers, body, query)), [status, expected]);
    });
    assert.equal(entries.length, 0, "entries of a refused delivery");
  }

  // The same delivery with one bit of the body, or of a header, turned.
  async refusesTampered(route, delivery, signatureHeader, expected = "signature_mismatch") {
    const body = Buffer.from(delivery.body);
    body[body.length >> 1] ^= 1;
    await this.refuses(route, { headers: delivery.headers, body }, expected);
    const headers = { ...delivery.headers };
    const value = headers[signatureHeader];
    // Not the very end: base64's last character may hold bits that mean nothing.
    const at = value.length - 8;
    headers[signatureHeader] = value.slice(0, at) + (value[at] === "a" ? "b" : "a") + value.slice(at + 1);
    await this.refuses(route, { headers, body: delivery.body }, expected);
    delete headers[signatureHeader];
    await this.refuses(route, { headers, body: delivery.body }, "signature_missing");
  }

  // What `hookgate send` puts on the wire for a route. `secret` is a private key, where the route has only the public one; without a
  // body it is one of the provider's form that `send` makes.
  async sent(route, { type, body, contentType, secret }) {
    const found = this.routes.find(({ name }) => name === route);
    let config = this.config;
    // A private key, or one with a name.
    if (secret instanceof KeyObject || secret?.jwk) {
      config = this.workspace.file("send.yaml");
      const signing = { ...found, secret: secret.jwk ? JSON.stringify(secret.jwk) : secret.export({ type: "pkcs8", format: "pem" }) };
      writeFileSync(config, JSON.stringify({ listen: ":0", redis: { url: `unix://${this.redis.socket}` }, routes: [signing] }));
    }
    return capture(async (port) => {
      const args = ["send", "-c", config, "--route", route, "--url", `http://127.0.0.1:${port}${found.path}`];
      if (body !== undefined) {
        const data = this.workspace.file("data");
        writeFileSync(data, body);
        args.push("--data", data);
      }
      if (type) args.push("--type", type);
      if (contentType) args.push("--content-type", contentType);
      const child = new Child(PROGRAM, args, this.workspace.file(unique("send.log")));
      assert.equal(await child.exit, 0, `hookgate send failed:\n${child.output()}`);
    });
  }
}

function outcome({ status, body }) {
  try {
    return [status, JSON.parse(body).status];
  } catch {
    return [status, body];
  }
}

export const nowSeconds = () => Math.floor(Date.now() / 1000);

// A different id for each run and call.
export const unique = (prefix) => `${prefix}${Date.now().toString(36)}${Math.random().toString(36).slice(2, 12)}`;

// Text that breaks whoever decodes and encodes again: escapes, a surrogate pair, spaces that JSON does not need.
export const awkward = 'Zimtschnecke \\u2013 "süß" \\/ 🥐 \\ud83e\\udd50';
