/** JSON pointers (RFC 6901). */

export const pointerStep = (name: string | number): string =>
  `/${String(name).replaceAll('~', '~0').replaceAll('/', '~1')}`;

export const jsonPointer = (path: readonly (string | number)[]): string => path.map(pointerStep).join('');
