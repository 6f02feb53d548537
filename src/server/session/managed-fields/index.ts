/** Whose the fields of objects are, and server-side apply, which goes by that. */

export {
  applied,
  type Conflict,
  managedFieldsOf,
  withManagedFields,
  withoutManagedFields,
  type Writer,
} from './managers.js';
export { timeOf, tracked, withEntries } from './tracked.js';
export { TypedError } from './typed.js';
