/** Patterns of names that are no file's (fnmatch(3)): `*`, `?` and lists. */
export const fnmatchExpression = (glob: string): RegExp =>
  new RegExp(
    `^${glob
      .replaceAll(/[\\^$.|+(){}]/g, '\\$&')
      .replaceAll('*', '.*')
      .replaceAll('?', '.')}$`,
  );
