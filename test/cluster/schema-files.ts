/** The JSON schemas of schemas/, compiled. */

import { readdirSync, readFileSync } from 'node:fs';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';

/** A schema by name: `trace`, `physical-network`. Strict: a keyword that means nothing is an error. */
export function schemaOf(name: string): ValidateFunction {
  const ajv = new Ajv2020({ allErrors: true, strict: true });
  // Some refer to others.
  for (const file of readdirSync('schemas')) ajv.addSchema(JSON.parse(readFileSync(`schemas/${file}`, 'utf8')), file);
  const validate = ajv.getSchema(`${name}.schema.json`);
  if (validate === undefined) throw new Error(`schemas/${name}.schema.json is not there`);
  return validate;
}

/** What is wrong, a line a mistake; empty where all is well. */
export function mistakes(validate: ValidateFunction, value: unknown): string[] {
  if (validate(value)) return [];
  return (validate.errors ?? []).map(
    ({ instancePath, message = '', params }) => `${instancePath}: ${message} ${JSON.stringify(params)}`,
  );
}
