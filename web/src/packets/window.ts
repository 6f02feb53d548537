/** Which rows of a long list are in view. All rows are of one height: two divisions, no measuring. */

export interface RowsInView {
  readonly first: number;
  /** One behind the last. */
  readonly end: number;
}

/** Rows beside those in view, so that a fast wheel shows no gap. */
const BESIDE = 12;

export function rowsInView(
  count: number,
  { top, height, rowHeight }: { readonly top: number; readonly height: number; readonly rowHeight: number },
): RowsInView {
  const first = Math.max(0, Math.floor(top / rowHeight) - BESIDE);
  const end = Math.min(count, Math.ceil((top + height) / rowHeight) + BESIDE);
  return { first: Math.min(first, end), end };
}
