/** The JSON schemas of schemas/, compiled. */

import { readFileSync } from 'node:fs';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';

/** A schema by name: `trace`, `physical-network`. Strict: a keyword that means nothing is an error. */
export function schemaOf(name: string): ValidateFunction {
  const ajv = new Ajv2020({ allErrors: true, strict: true });
  const schema: unknown = JSON.parse(readFileSync(`schemas/${name}.schema.json`, 'utf8'));
  if (typeof schema !== 'object' || schema === null) throw new Error(`schemas/${name}.schema.json is no object`);
  return ajv.compile(schema);
}

/** What is wrong, a line a mistake; empty where all is well. */
export function mistakes(validate: ValidateFunction, value: unknown): string[] {
  if (validate(value)) return [];
  return (validate.errors ?? []).map(
    ({ instancePath, message = '', params }) => `${instancePath}: ${message} ${JSON.stringify(params)}`,
  );
}
