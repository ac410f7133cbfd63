// A client of Switchyard's gateway port with nothing but Node's own modules (18.3 and later).
// Amounts are minor units: 1250 EUR is 12.50. What moves money has a key: whoever does not learn what became of a
// request sends the same one with the same key again, and it is done once. docs/gateway-protocol.md has all operations.
//   node switchyard.mjs 127.0.0.1:7583 ORDER [--ca FILE --cert FILE --key FILE] [--name GATEWAY --secret-file FILE]

import { once } from "node:events";
import { readFileSync, realpathSync } from "node:fs";
import net from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import tls from "node:tls";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

/** No answer came: nobody here knows what became of the request. Send it again, with its key. */
export class Lost extends Error {}

/** The switch refused the request: nothing was done, unless error.code is "internal", after which status tells. */
export class Refused extends Error {
  constructor(error) { super(`${error.code} ${error.field ?? ""}: ${error.message}`); this.error = error; }
}

/** A connection. Requests may be under way side by side: answers come in any order and are told apart by their ids. */
export class Switch {
  #socket; #waiting = new Map(); #last = 0; #why = "the connection ended";

  /** Connects; secure is the options of tls.connect, or nothing for none. */
  static async connect({ host, port, secure, gateway, secret }, timeoutMs = 30_000) {
    const socket = secure ? tls.connect({ host, port, ...secure }) : net.connect({ host, port });
    const s = new Switch(socket);
    const timer = setTimeout(() => socket.destroy(new Error("no connection in time")), timeoutMs);
    try {
      await once(socket, secure ? "secureConnect" : "connect");
      if (gateway) await s.do({ op: "hello", gateway, secret });
      return s;
    } catch (e) {
      s.close();
      throw e instanceof Refused ? e : new Lost(e.message);
    } finally { clearTimeout(timer); }
  }

  constructor(socket) {
    this.#socket = socket.setNoDelay(true).setEncoding("utf8").on("error", (e) => { this.#why = e.message; });
    let rest = "";
    socket.on("data", (text) => {
      const lines = (rest + text).split("\n");
      rest = lines.pop();
      for (const line of lines) this.#answered(JSON.parse(line));
    });
    socket.on("close", () => {
      for (const { reject } of this.#waiting.values()) reject(new Lost(`no answer: ${this.#why}`));
      this.#waiting.clear();
    });
  }

  #answered({ id, ...answer }) {
    for (const [key, { resolve, reject }] of this.#waiting) {
      if (id !== key && id !== null) continue; // null: of the line that could not be read, or of all
      this.#waiting.delete(key);
      answer.error ? reject(new Refused(answer.error)) : resolve(answer);
    }
  }

  /** Sends a request, an object of the protocol's fields, and resolves to the answer, an object too. */
  do(request, timeoutMs = 30_000) {
    if (this.#socket.destroyed) return Promise.reject(new Lost("not sent: the connection is closed"));
    const id = String(++this.#last);
    const answer = new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
    const timer = setTimeout(() => this.close(), timeoutMs); // what is under way is lost then
    this.#socket.write(JSON.stringify({ ...request, id }) + "\n");
    return answer.finally(() => clearTimeout(timer));
  }
  close() { this.#socket.destroy(); }
}

/** Sends a request, on a new connection each time, until it is answered. Its key makes it one operation. */
export async function ask(to, request, tries = 5, pauseMs = 1000) {
  for (;; await sleep(pauseMs)) {
    let s;
    try { return await (s = await Switch.connect(to)).do(request); } catch (e) {
      if (--tries === 0 || (e instanceof Refused && !e.error.retry)) throw e;
    } finally { s?.close(); }
  }
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) { // 12.50 EUR of a test card
  const option = { type: "string" };
  const { values: v, positionals: [address, order] } = parseArgs({ allowPositionals: true,
    options: { ca: option, cert: option, key: option, name: option, "secret-file": option } });
  const read = (name) => name && readFileSync(name, "utf8");
  const [host, port] = address.split(":");
  const secure = (v.ca || v.cert) && { ca: read(v.ca), cert: read(v.cert), key: read(v.key) };
  const to = { host, port, secure, gateway: v.name, secret: read(v["secret-file"])?.trim() };
  const made = await ask(to, { op: "authorize", key: `${order}/auth`, merchant: "SHOP1", terminal: "T1", amount: 1250,
    currency: "EUR", card: { number: "4000000000000002", expiry: "3012", cvc: "123" } });
  console.log(made.payment, made.status, made.response_code ?? "", made.reason);
  if (!made.approved) process.exit(1);
  const taken = await ask(to, { op: "capture", key: `${order}/ship`, payment: made.payment });
  console.log(taken.payment, taken.status, taken.captured, taken.currency);
}
