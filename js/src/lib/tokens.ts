// The token columns, which several tables have.

interface Tokens {
  readonly input_tokens: number | null;
  readonly output_tokens: number | null;
  readonly cache_read_tokens: number | null;
  readonly cache_write_tokens: number | null;
}

/** All tokens that went through the model, from a cache or not; null where none were counted. */
export function tokensOf(row: Tokens): number | null {
  const counts = [row.input_tokens, row.output_tokens, row.cache_read_tokens, row.cache_write_tokens];
  return counts.every((count) => count === null) ? null : counts.reduce<number>((sum, count) => sum + (count ?? 0), 0);
}
