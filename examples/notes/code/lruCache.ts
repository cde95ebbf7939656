/** A bounded map that forgets what was used longest ago. */

export interface CacheOptions {
  /** How many entries are held. */
  maxEntries: number;
  /** How long an entry is fresh, in milliseconds. */
  freshForMs: number;
  /** How long after that it may still be served while it is being rebuilt. */
  staleForMs?: number;
  /** The clock, replaced in tests. */
  now?: () => number;
}

interface Entry<V> {
  value: V;
  writtenAt: number;
}

export class LruCache<K, V> {
  private readonly entries = new Map<K, Entry<V>>();
  private readonly inFlight = new Map<K, Promise<V>>();
  private readonly now: () => number;

  constructor(private readonly options: CacheOptions) {
    this.now = options.now ?? Date.now;
  }

  /**
   * The value for a key, built at most once however many callers ask together.
   *
   * A stale value is returned at once and rebuilt behind the caller's back. A build that
   * fails is not remembered, so the next caller tries again.
   */
  async getOrBuild(key: K, build: () => Promise<V>): Promise<V> {
    const entry = this.entries.get(key);
    if (entry) {
      const age = this.now() - entry.writtenAt;
      if (age < this.options.freshForMs) {
        this.touch(key, entry);
        return entry.value;
      }
      if (age < this.options.freshForMs + (this.options.staleForMs ?? 0)) {
        this.buildOnce(key, build).catch(() => undefined);
        return entry.value;
      }
    }
    return this.buildOnce(key, build);
  }

  delete(key: K): boolean {
    return this.entries.delete(key);
  }

  get size(): number {
    return this.entries.size;
  }

  private buildOnce(key: K, build: () => Promise<V>): Promise<V> {
    const running = this.inFlight.get(key);
    if (running) return running;

    const promise = build()
      .then((value) => {
        this.put(key, value);
        return value;
      })
      .finally(() => this.inFlight.delete(key));
    this.inFlight.set(key, promise);
    return promise;
  }

  private put(key: K, value: V): void {
    this.touch(key, { value, writtenAt: this.now() });
    while (this.entries.size > this.options.maxEntries) {
      // A Map iterates in insertion order, so its first key is the least recently used.
      const oldest = this.entries.keys().next().value as K;
      this.entries.delete(oldest);
    }
  }

  /** Moves an entry to the end, where the recently used ones are. */
  private touch(key: K, entry: Entry<V>): void {
    this.entries.delete(key);
    this.entries.set(key, entry);
  }
}
