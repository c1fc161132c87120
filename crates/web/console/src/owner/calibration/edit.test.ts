import { beforeEach, expect, test } from "vitest";
import { Problem } from "../../api/problem";
import type { Owner, Settings } from "../../api/types";
import { Edit } from "./edit.svelte";

let edit: Edit;

beforeEach(() => {
  edit = new Edit();
  edit.fill({ gain: 2 }, 1);
});

const owner = (settings: Settings, version: number) => ({ settings, version }) as Owner;

test("what is filled in is untouched, and what is typed back is too", () => {
  expect([edit.touched, edit.changed]).toEqual([false, false]);
  edit.form.gain = "3";
  expect([edit.touched, edit.changed]).toEqual([true, true]);
  edit.form.gain = "2.0";
  expect([edit.touched, edit.changed]).toEqual([true, false]);
  edit.form.gain = "2";
  expect(edit.touched).toBe(false);
});

test("what is typed while it is saved stays, and is a change of what was saved", async () => {
  edit.form.gain = "3";
  await edit.save(null, async (patch) => {
    expect(patch).toMatchObject({ settings: { gain: 3 } });
    edit.form.gain = "35";
    return owner({ gain: 3 }, 2);
  });
  expect([edit.saved, edit.version, edit.form.gain]).toEqual([2, 2, "35"]);
  expect([edit.touched, edit.changed]).toEqual([true, true]);
});

test("the form stays as it was typed when it is saved", async () => {
  edit.form.gain = "3.0";
  const { form } = edit;
  await edit.save("b", async () => owner({ gain: 2, sub_owners: { b: { gain: 3 } } }, 2));
  expect([edit.form, edit.form.gain, edit.touched]).toEqual([form, "3.0", false]);
});

test("a version that the page itself made is no stranger's", () => {
  edit.form.gain = "3";
  edit.follow(1, 2);
  expect([edit.version, edit.form.gain]).toEqual([2, "3"]);
  edit.follow(1, 9);
  expect(edit.version).toBe(2);
});

test("a version that is gone leaves all as it is", async () => {
  edit.form.gain = "3";
  await edit.save(null, () => Promise.reject(new Problem(412, "it has changed")));
  expect([edit.overtaken, edit.form.gain, edit.version, edit.saved]).toEqual([true, "3", 1, undefined]);
});

test("what is refused is told until it is typed anew", async () => {
  edit.form.gain = "3";
  await edit.save(null, () => Promise.reject(new Problem(422, "no", [{ field: "settings.gain", detail: "must not be 3" }])));
  expect(edit.refused.faults).toEqual({ gain: "must not be 3" });
  edit.form.gain = "4";
  expect(edit.refused.faults).toEqual({});
});
