/** `time COMMAND` as bash has it: the emulation's time. Computing takes none. */

import { NS_PER_MS, NS_PER_S } from '../kernel/index.js';
import { ok, type Run, type ToolPlace, type ToolResult } from './tool.js';

function clock(ns: number): string {
  const seconds = Math.floor(ns / NS_PER_S);
  const ms = Math.floor((ns % NS_PER_S) / NS_PER_MS);
  return `${Math.floor(seconds / 60)}m${seconds % 60}.${String(ms).padStart(3, '0')}s`;
}

export function timed(place: ToolPlace, command: readonly string[], run: Run, input = ''): ToolResult {
  const { clock: now } = place.netns.emulation;
  const startNs = now.nowNs;
  const result = command.length === 0 ? ok('') : run(place, command, input);
  const rows = [`real\t${clock(now.nowNs - startNs)}`, `user\t${clock(0)}`, `sys\t${clock(0)}`];
  return { ...result, stderr: `${result.stderr}\n${rows.map((row) => `${row}\n`).join('')}` };
}
