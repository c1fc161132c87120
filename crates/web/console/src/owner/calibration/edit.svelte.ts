// What stands in the form, and the version that it was filled from.

import { Problem } from "../../api/problem";
import type { Calibration, Owner } from "../../api/types";
import { draftOf, patchOf, same, type Draft } from "../../pure/form/draft";
import { faultsOf, type Faults } from "../../pure/form/faults";
import { refusedAt, type Refused } from "../../pure/form/refused";

const text = (draft: Draft) => JSON.stringify(draft);
const NONE: Refused = { faults: {}, others: [] };

export class Edit {
  form = $state<Draft>(draftOf(undefined));
  busy = $state(false);
  /** Saving was tried while something was faulty. */
  tried = $state(false);
  /** The version that was saved last. */
  saved = $state<number>();
  fault = $state.raw<unknown>();
  /** What If-Match says. */
  version = 0;
  #stored = $state.raw<Calibration>();
  #filled = $state.raw(text(this.form));
  #refused = $state.raw({ text: "", by: NONE });

  readonly touched = $derived(text(this.form) !== this.#filled);
  readonly changed = $derived(!same(this.form, draftOf(this.#stored)));
  /** By the rules that are known here. */
  readonly own: Faults = $derived(faultsOf(this.form));
  readonly sound = $derived(Object.keys(this.own).length === 0);
  /** What the node said when this was to be saved. */
  readonly refused = $derived(this.#refused.text === text(this.form) ? this.#refused.by : NONE);
  readonly overtaken = $derived(this.fault instanceof Problem && this.fault.status === 412);

  fill(stored: Calibration | undefined, version: number): void {
    this.form = draftOf(stored);
    this.#stored = stored;
    this.#filled = text(this.form);
    this.version = version;
    [this.fault, this.tried, this.saved] = [undefined, false, undefined];
  }

  /** The other form of this page made a version of the one that this was filled from. */
  follow(before: number, after: number): void {
    if (this.version === before) this.version = after;
  }

  /** What was written is stored now. The form stays as it is, and the focus in it. */
  #keep(written: string, stored: Calibration | undefined, version: number): void {
    this.#stored = stored;
    this.#filled = written;
    [this.version, this.saved, this.tried] = [version, version, false];
  }

  /** What the preview and the node are asked about. */
  patch(scope: string | null): { settings: object } {
    return patchOf(scope, this.form, this.#stored);
  }

  /** What came of it is in `saved`, or in `fault`. */
  async save(scope: string | null, write: (patch: object) => Promise<Owner>): Promise<void> {
    [this.busy, this.fault] = [true, undefined];
    const written = text(this.form);
    try {
      const after = await write(this.patch(scope));
      this.#keep(written, scope === null ? after.settings : after.settings.sub_owners?.[scope], after.version);
    } catch (fault) {
      const errors = fault instanceof Problem ? fault.errors : [];
      this.#refused = { text: written, by: refusedAt(errors, scope, this.form) };
      this.fault = fault;
    } finally {
      this.busy = false;
    }
  }
}
