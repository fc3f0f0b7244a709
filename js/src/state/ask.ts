// How a component asks the server.

/** Asks the server; rejects with what went wrong, for people. */
export type Ask = <T>(method: string, params: Readonly<Record<string, unknown>>) => Promise<T>;
