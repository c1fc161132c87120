// What each role may do; each may do what those before it may.

import type { Role } from "../api/types";

export const ROLES: { role: Role; may: string }[] = [
  { role: "viewer", may: "reads" },
  { role: "operator", may: "changes owners, events, partitions" },
  { role: "admin", may: "also makes keys and users" },
];
