/** A share or an error, 0.0857 as `8.6%`; a dash where there is none. */
export function percent(share: number | null | undefined): string {
  return share == null ? "–" : `${(share * 100).toFixed(1)}%`;
}

/**
 * Whether a range held as many prices as it promised, as far as so many sales can tell: within two standard errors of the
 * promised share.
 */
export function verdict(promised: number, share: number, sales: number): string {
  const error = Math.sqrt((promised * (1 - promised)) / sales);
  if (share < promised - 2 * error) return "fewer than promised";
  if (share > promised + 2 * error) return "more than promised: the range could be narrower";
  return "as promised, as far as so many sales can tell";
}
