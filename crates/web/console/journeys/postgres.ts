// A private PostgreSQL for a test: Debian's programs, a directory that goes with it, a free port on
// loopback. PostgreSQL refuses to run as root, so root runs it as `nobody`, as `tests/servers` does.

import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chown, mkdtemp, readdir, rm } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const VERSIONS = "/usr/lib/postgresql";
/** `nobody` and its group on Debian. */
const NOBODY = 65_534;
const SUPERUSER = "rollcall";
/** What is tested is never the machine's loss of power. */
const SETTINGS = ["listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off", "shared_buffers=16MB"];

const unprivileged = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};

export class Postgres {
  #server: ChildProcess | undefined;

  private constructor(
    readonly programs: string,
    readonly directory: string,
    readonly port: number,
  ) {}

  static async start(): Promise<Postgres> {
    const directory = await mkdtemp(join(tmpdir(), "rollcall-console-postgres-"));
    if (unprivileged.uid !== undefined) await chown(directory, NOBODY, NOBODY);
    const postgres = new Postgres(await programs(), directory, await freePort());
    await postgres.#initialise();
    await postgres.again();
    return postgres;
  }

  get url(): string {
    return `postgres://${SUPERUSER}@127.0.0.1:${this.port}/postgres`;
  }

  get #data(): string {
    return join(this.directory, "data");
  }

  /** On the same port, with the same data. */
  async again(): Promise<void> {
    const settings = SETTINGS.flatMap((setting) => ["-c", setting]);
    const server = this.#spawn("postgres", "-D", this.#data, "-p", String(this.port), ...settings);
    this.#server = server;
    await heard(server, "ready to accept connections");
  }

  /** At once, as in a crash: sessions are cut, and the next start recovers. */
  async stop(): Promise<void> {
    const server = this.#server;
    if (!server || server.exitCode !== null || server.signalCode !== null) return;
    server.kill("SIGQUIT");
    await once(server, "exit");
  }

  async end(): Promise<void> {
    await this.stop();
    await rm(this.directory, { recursive: true, force: true });
  }

  async #initialise(): Promise<void> {
    const initdb = this.#spawn("initdb", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync", "-U", SUPERUSER, "-D", this.#data);
    initdb.stdout?.resume();
    await heard(initdb);
  }

  #spawn(program: string, ...words: string[]): ChildProcess {
    return spawn(join(this.programs, program), words, { cwd: "/", stdio: ["ignore", "pipe", "pipe"], ...unprivileged });
  }
}

/** Those of the newest version that is installed. */
async function programs(): Promise<string> {
  const versions = (await readdir(VERSIONS).catch(() => [])).map(Number).filter(Number.isInteger);
  if (versions.length === 0) throw new Error(`PostgreSQL is missing: ${VERSIONS} has no version of it`);
  return join(VERSIONS, String(Math.max(...versions)), "bin");
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, "close");
  return port;
}

/** Until a program says this on its standard error, or, where nothing is waited for, ends well. */
function heard(child: ChildProcess, words?: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = "";
    child.stderr?.on("data", (chunk: Buffer) => {
      said += chunk.toString();
      if (words !== undefined && said.includes(words)) resolve();
    });
    child.once("error", reject);
    child.once("close", (code) => {
      if (words === undefined && code === 0) resolve();
      else reject(new Error(`${child.spawnfile} ended with ${code}:\n${said}`));
    });
  });
}
