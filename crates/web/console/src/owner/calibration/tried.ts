import { createContext } from "svelte";

/** Whether saving was tried: what is missing is told from then on, and not while somebody still types. */
export const [tried, provideTried] = createContext<() => boolean>();
