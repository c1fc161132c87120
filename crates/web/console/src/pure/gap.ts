// A partition that stopped before a gap says so in its fault, with the number that has to be named
// to accept the loss.

/** The number up to which the loss would be accepted; null, if the fault is another one. */
export function stoppedBefore(fault: string | null | undefined): number | null {
  const found = fault?.match(/stopped before a gap.*"upto_sequence_number": (\d+)/);
  return found ? Number(found[1]) : null;
}
