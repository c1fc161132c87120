// A dead letter's body, as bytes.

export interface HexLine {
  at: string;
  hex: string;
  text: string;
}

const WIDTH = 16;

export function bytesOf(base64: string): Uint8Array {
  return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
}

/** The first `most` bytes, sixteen a line, with what of them is printable. */
export function hexLines(bytes: Uint8Array, most = 4096): HexLine[] {
  const shown = bytes.subarray(0, most);
  const lines: HexLine[] = [];
  for (let at = 0; at < shown.length; at += WIDTH) {
    const line = [...shown.subarray(at, at + WIDTH)];
    lines.push({
      at: at.toString(16).padStart(6, "0"),
      hex: line.map((byte) => byte.toString(16).padStart(2, "0")).join(" "),
      text: line.map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : "·")).join(""),
    });
  }
  return lines;
}

/** `1.5 KiB`. */
export function size(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  if (bytes < 1024 * 1024) return `${Number((bytes / 1024).toFixed(1))} KiB`;
  return `${Number((bytes / 1024 / 1024).toFixed(1))} MiB`;
}

/** JSON set out in lines; anything else as it is. */
export function pretty(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
