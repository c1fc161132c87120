// Who looks at the console. Where the node has nobody sign in, everybody is its admin.

import * as resources from "../api/resources";
import type { Role, Session } from "../api/types";

/** How the node begins its answer to whoever shows nothing at all. */
const SHOWS_NOTHING = "show a key";

class CurrentSession {
  /** Undefined until the node has told. */
  now = $state.raw<Session>();
  /** Why somebody has to sign in, while that is so. */
  ended = $state<string>();

  /** Whether whoever looks may do what this role may. While nobody knows, nothing is hidden. */
  may(role: Role): boolean {
    const roles: Role[] = ["viewer", "operator", "admin"];
    return this.now === undefined || roles.indexOf(this.now.role) >= roles.indexOf(role);
  }

  /** Asks the node. That it does not answer, the banner says. */
  async load(): Promise<void> {
    await resources.session().then((session) => this.#begin(session), () => undefined);
  }

  async signIn(name: string, password: string): Promise<void> {
    this.#begin(await resources.signIn(name, password));
  }

  async signOut(): Promise<void> {
    await resources.signOut();
    // Over what a poll was told meanwhile.
    [this.ended, this.now] = ["you have signed out", undefined];
  }

  /** The node lets nobody in with what the browser shows. */
  lost(why: string): void {
    // The browser's windows share the session: the one where it was not ended has to be told as well.
    const elsewhere = this.now !== undefined && why.startsWith(SHOWS_NOTHING);
    if (this.ended === undefined) this.ended = elsewhere ? "you have signed out in another window" : why;
    this.now = undefined;
  }

  /** A first visit needs no reason. */
  get reason(): string | undefined {
    return this.ended?.startsWith(SHOWS_NOTHING) ? undefined : this.ended;
  }

  #begin(session: Session): void {
    this.now = session;
    this.ended = undefined;
  }
}

export const session = new CurrentSession();
