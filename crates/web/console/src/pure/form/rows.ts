// Changes of lists.

import { numberIn } from "./number";
import { rowOf, type Row } from "./step";

/** The list with one part moved by so many places; as it is, if there is no such place. */
export function moved<T>(list: readonly T[], from: number, by: number): T[] {
  const to = from + by;
  const [part, rest] = [list[from], list.filter((_, index) => index !== from)];
  if (part === undefined || to < 0 || to >= list.length) return [...list];
  return [...rest.slice(0, to), part, ...rest.slice(to)];
}

/** By the first cell as a number; rows without one stay behind, in their order. */
export function sorted(rows: readonly Row[]): Row[] {
  const place = ({ cells }: Row) => numberIn(cells[0]) ?? Infinity;
  return rows.toSorted((a, b) => (place(a) === place(b) ? 0 : place(a) - place(b)));
}

/** Lines of a spreadsheet or a CSV; null for a text that belongs into one field. */
export function cellsIn(text: string): string[][] | null {
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== "");
  const mark = ["\t", ";", ","].find((it) => lines[0]?.includes(it));
  if (lines.length < 2 && mark !== "\t") return null;
  return lines.map((line) => (mark === undefined ? [line] : line.split(mark)).map((cell) => cell.trim()));
}

/** The rows with pasted cells from this one on, over what is there and then behind it. */
export function pasted(rows: readonly Row[], at: { row: number; cell: number }, cells: readonly string[][], columns: number): Row[] {
  const blank = () => rowOf(Array.from({ length: columns }, () => ""));
  const filled = cells.map((line, index) => {
    const row = rows[at.row + index] ?? blank();
    return { ...row, cells: row.cells.map((was, cell) => line[cell - at.cell] ?? was) };
  });
  return [...rows.slice(0, at.row), ...filled, ...rows.slice(at.row + filled.length)];
}
