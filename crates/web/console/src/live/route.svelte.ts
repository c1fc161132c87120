// Where in the console one is. Everything that somebody might want to come back to, or to send to
// a colleague, lies in the address.

interface Going {
  /** In place of the present entry of the history. */
  replace?: boolean;
  state?: unknown;
}

/** A question to ask before going there, where something would be lost. */
export type Hold = (to: URL) => string | null;

class Route {
  path = $state(location.pathname);
  query = $state.raw(new URLSearchParams(location.search));
  state = $state.raw<unknown>(history.state);
  /** Goes up with each change of page. */
  visits = $state(0);
  #here = location.href;
  #holds = new Set<Hold>();

  constructor() {
    addEventListener("popstate", () => this.#wentBack());
    addEventListener("click", (event) => this.#follow(event));
    addEventListener("beforeunload", (event) => {
      // The browser has words of its own.
      if (this.#holds.size > 0) event.preventDefault();
    });
  }

  /** Asks whoever would lose something, until the returned function is called. */
  hold(hold: Hold): () => void {
    this.#holds.add(hold);
    return () => this.#holds.delete(hold);
  }

  go(to: string, { replace = false, state = null }: Going = {}): void {
    if (!this.mayGo(to)) return;
    if (replace) history.replaceState(state, "", to);
    else history.pushState(state, "", to);
    const from = this.path;
    this.#read();
    // The same page with other filters stays where it is.
    if (from !== this.path) scrollTo(0, 0);
  }

  /** Changes filters; an empty one leaves the address. A filter begins at the first page again. */
  filter(changes: Record<string, string | null>, going: Going = {}): void {
    const query = new URLSearchParams(this.query);
    if (!("cursor" in changes)) query.delete("cursor");
    for (const [name, value] of Object.entries(changes)) {
      if (value) query.set(name, value);
      else query.delete(name);
    }
    const text = query.toString();
    this.go(text ? `${this.path}?${text}` : this.path, going);
  }

  /** Asks whoever would lose something by it. */
  mayGo(to: string): boolean {
    const url = new URL(to, this.#here);
    const questions = [...this.#holds].map((hold) => hold(url));
    return questions.every((question) => question === null || confirm(question));
  }

  /** The browser has gone already: who stays comes back by an entry of its own. */
  #wentBack(): void {
    if (this.mayGo(location.href)) this.#read();
    else history.pushState(this.state, "", this.#here);
  }

  #read(): void {
    const from = this.path;
    this.#here = location.href;
    this.path = location.pathname;
    this.query = new URLSearchParams(location.search);
    this.state = history.state;
    if (from !== this.path) this.visits += 1;
  }

  /** Plain clicks on links of the console stay in the page; all others are the browser's. */
  #follow(event: MouseEvent): void {
    if (event.defaultPrevented || event.button !== 0) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = (event.target as Element | null)?.closest?.("a");
    if (!link || link.target || link.origin !== location.origin || link.hasAttribute("data-outside")) return;
    event.preventDefault();
    this.go(link.pathname + link.search);
  }
}

export const route = new Route();
