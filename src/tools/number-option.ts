/** Numbers as iputils take them: in their range, or with a complaint (strtol_or_err()). */

import { failure, type ToolResult } from './tool.js';

export interface Limits {
  readonly min: number;
  readonly max: number;
}

export function numberOption(tool: string, text: string | undefined, limits: Limits): number | ToolResult | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value)) return failure(1, `${tool}: invalid argument: '${text}'`);
  if (value < limits.min || value > limits.max)
    return failure(1, `${tool}: invalid argument: '${text}': out of range: ${limits.min} <= value <= ${limits.max}`);
  return value;
}
