// A node of its own for a test: free ports on loopback, a directory that goes with it.

import { spawn, type ChildProcess } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { once } from "node:events";

const BINARY = resolve(process.env.ROLLCALL_BIN ?? "../../../target/debug/rollcall");
const SETTINGS = `
[[events.sinks]]
kind = "log"
name = "journal"
`;

export interface Message {
  dataOwnerId: string;
  dataOwnerSubId: string;
  data: unknown;
}

export class Node {
  url = "";
  #hub = "";
  #process: ChildProcess | undefined;

  private constructor(
    readonly directory: string,
    readonly options: string[],
  ) {}

  static async start(...options: string[]): Promise<Node> {
    const node = new Node(await mkdtemp(join(tmpdir(), "rollcall-console-")), options);
    await writeFile(node.#settings, SETTINGS);
    await node.run("127.0.0.1:0", "127.0.0.1:0");
    return node;
  }

  get #settings(): string {
    return join(this.directory, "rollcall.toml");
  }

  /** The same node once more, on the ports that it had. */
  async again(): Promise<void> {
    await this.run(new URL(this.url).host, this.#hub);
  }

  async run(http: string, hub: string): Promise<void> {
    const child = spawn(BINARY, ["run", "--config", this.#settings, "--set", `http.listen=${http}`, "--set", `hub.listen=${hub}`, ...this.options], {
      cwd: this.directory,
      stdio: ["ignore", "pipe", "pipe"],
      env: { PATH: process.env.PATH, HOME: this.directory },
    });
    this.#process = child;
    const said = await this.#ready(child);
    this.url = said.match(/API\s+(http:\S+?)\/?\s/)?.[1] ?? "";
    this.#hub = said.match(/hub\s+amqp:\/\/([\d.:]+)/)?.[1] ?? "";
  }

  #ready(child: ChildProcess): Promise<string> {
    return new Promise((ready, failed) => {
      let said = "";
      const hear = (chunk: Buffer) => {
        said += chunk.toString();
        if (/database\s+(sqlite|postgres)/.test(said)) ready(said);
      };
      child.stdout?.on("data", hear);
      child.stderr?.on("data", hear);
      child.once("error", (error) => failed(new Error(`cannot start ${BINARY}: ${error.message}`)));
      child.once("exit", (code) => failed(new Error(`the node ended with ${code}:\n${said}`)));
    });
  }

  /** Sends lines through the node's own hub, as `rollcall send` does. */
  async sendLines(lines: string): Promise<void> {
    const file = join(this.directory, "lines.ndjson");
    await writeFile(file, lines);
    const child = spawn(BINARY, ["send", file, "--config", this.#settings, "--set", `hub.listen=${this.#hub}`], {
      cwd: this.directory,
      stdio: "ignore",
      env: { PATH: process.env.PATH, HOME: this.directory },
    });
    const [code] = await once(child, "exit");
    if (code !== 0) throw new Error(`rollcall send ended with ${code}`);
  }

  async send(...messages: Message[]): Promise<void> {
    await this.sendLines(messages.map((message) => `${JSON.stringify(message)}\n`).join(""));
  }

  /** Runs a command with the node's settings, with `input` on its standard input; what it printed. */
  async command(input: string, ...words: string[]): Promise<string> {
    const child = spawn(BINARY, [...words, "--config", this.#settings, ...this.options], {
      cwd: this.directory,
      stdio: ["pipe", "pipe", "ignore"],
      env: { PATH: process.env.PATH, HOME: this.directory },
    });
    let printed = "";
    child.stdout.on("data", (chunk: Buffer) => (printed += chunk.toString()));
    child.stdin.end(input);
    const [code] = await once(child, "close");
    if (code !== 0) throw new Error(`rollcall ${words.join(" ")} ended with ${code}`);
    return printed;
  }

  /** What the API says to a program with this key. */
  async code(path: string, key: string): Promise<number> {
    return (await fetch(`${this.url}/api/v1${path}`, { headers: { authorization: `Bearer ${key}` } })).status;
  }

  async api(method: string, path: string, body?: unknown, key?: string): Promise<any> {
    const answer = await fetch(`${this.url}/api/v1${path}`, {
      method,
      headers: { "content-type": "application/json", ...(key !== undefined && { authorization: `Bearer ${key}` }) },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    return answer.json();
  }

  stop(): Promise<void> {
    return this.#signal("SIGTERM");
  }

  /** Without a chance to say goodbye to anybody. */
  kill(): Promise<void> {
    return this.#signal("SIGKILL");
  }

  async #signal(signal: NodeJS.Signals): Promise<void> {
    const child = this.#process;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    child.kill(signal);
    await once(child, "exit");
  }

  async end(): Promise<void> {
    await this.stop();
    await rm(this.directory, { recursive: true, force: true });
  }
}
