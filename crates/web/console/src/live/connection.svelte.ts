// Whether the node answers. Every request tells; the banner and the greying read it.

class Connection {
  /** Why the last request got nothing, while that is so. */
  fault = $state<string>();
  /** When the node last answered, by this machine's clock. */
  answeredAt = $state<number>();
  #wakers = new Set<() => void>();

  answered(): void {
    const recovered = this.fault !== undefined;
    this.fault = undefined;
    this.answeredAt = Date.now();
    if (recovered) this.#wakers.forEach((wake) => wake());
  }

  failed(fault: string): void {
    this.fault = fault;
  }

  /** A request waited in vain. What the node itself said of its trouble by another tells more. */
  late(fault: string): void {
    this.fault ??= fault;
  }

  /** Calls `wake` when the node answers again, so that nobody waits out a long pause. */
  onRecovery(wake: () => void): () => void {
    this.#wakers.add(wake);
    return () => this.#wakers.delete(wake);
  }
}

export const connection = new Connection();
