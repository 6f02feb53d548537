/** By whom an object is written: apiserver/pkg/endpoints/handlers/create.go:managerOrUserAgent(). */

import { Type } from 'typebox';
import { type Mistake, Problem } from '../problem.js';

const MAX_LENGTH = 128;
/** What Go does not call printable (unicode.IsPrint). */
const UNPRINTABLE = /[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/u;

/** Query parameter of every write. */
export const FieldManager = {
  fieldManager: Type.Optional(
    Type.String({
      description: `whose the fields become that are written, as metadata.managedFields name it; if nobody, what User-Agent says before its first slash. At most ${MAX_LENGTH} characters`,
    }),
  ),
};

/** validation.ValidateFieldManager(). */
function mistakesOf(manager: string): Mistake[] {
  const field = '/fieldManager';
  const bad = UNPRINTABLE.exec(manager);
  const code = bad?.[0].codePointAt(0)?.toString(16).toUpperCase().padStart(4, '0');
  return [
    ...(Buffer.byteLength(manager) > MAX_LENGTH
      ? [{ message: `fieldManager: Too long: may not be more than ${MAX_LENGTH} bytes`, field }]
      : []),
    ...(bad === null
      ? []
      : [
          {
            message: `fieldManager: Invalid value: ${JSON.stringify(manager)}: invalid character U+${code} (at position ${Buffer.byteLength(manager.slice(0, bad.index))})`,
            field,
          },
        ]),
  ];
}

/** apimachinery/pkg/apis/meta/v1/validation. */
function refuse(options: 'CreateOptions' | 'UpdateOptions' | 'PatchOptions', mistakes: readonly Mistake[]): void {
  if (mistakes.length === 0) return;
  const words = mistakes.map(({ message }) => message);
  const listed = words.length === 1 ? words[0] : `[${words.join(', ')}]`;
  throw new Problem('invalid', `${options}.meta.k8s.io "" is invalid: ${listed}`, mistakes);
}

/** prefixFromUserAgent(). */
function fromUserAgent(userAgent: string): string {
  const [name = ''] = userAgent.split('/');
  return name.replaceAll(new RegExp(UNPRINTABLE, 'gu'), '').slice(0, MAX_LENGTH);
}

interface Write {
  readonly query: { readonly fieldManager?: string | undefined };
  readonly headers: { readonly 'user-agent'?: string | undefined };
}

/** Of a write that is no apply. @throws Problem */
export function managerOf({ query, headers }: Write, options: Parameters<typeof refuse>[0]): string {
  const { fieldManager = '' } = query;
  refuse(options, mistakesOf(fieldManager));
  return fieldManager === '' ? fromUserAgent(headers['user-agent'] ?? '') : fieldManager;
}

interface PatchWrite extends Write {
  readonly query: Write['query'] & { readonly force?: boolean | undefined };
}

/** validation.ValidatePatchOptions(): who applies is named. @throws Problem */
export function applierOf({ query }: PatchWrite): string {
  const { fieldManager = '' } = query;
  const missing = { message: 'fieldManager: Required value: is required for apply patch', field: '/fieldManager' };
  refuse('PatchOptions', [...(fieldManager === '' ? [missing] : []), ...mistakesOf(fieldManager)]);
  return fieldManager;
}

/** @throws Problem */
export function patcherOf(write: PatchWrite): string {
  const forced = { message: 'force: Forbidden: may not be specified for non-apply patch', field: '/force' };
  if (write.query.force !== undefined) refuse('PatchOptions', [forced]);
  return managerOf(write, 'PatchOptions');
}
