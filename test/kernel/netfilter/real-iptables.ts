/** The iptables and ipset of this machine, in a network namespace of their own. */

import { spawnSync } from 'node:child_process';

/** Why they cannot be asked here, or undefined. */
function whyNot(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root to make a network namespace';
  const probe = spawnSync('unshare', ['-n', 'bash', '-c', 'iptables-restore --version && ipset create p hash:ip'], {
    encoding: 'utf8',
  });
  if (probe.error !== undefined) return `cannot run unshare: ${probe.error.message}`;
  if (probe.status !== 0) return `iptables-restore or ipset does not work in a namespace: ${probe.stderr.trim()}`;
  return probe.stdout.includes('v1.8.9 (nf_tables)')
    ? undefined
    : `iptables is another version: ${probe.stdout.trim()}`;
}

/** Options for a tap test: skipped with the reason where the real tools are missing. */
export function needsRealTools(): { readonly skip?: string } {
  const why = whyNot();
  return why === undefined ? {} : { skip: why };
}

export interface RealRun {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a shell script in a fresh namespace, with `text` on its standard input. */
export function runReal(script: string, text = ''): RealRun {
  const run = spawnSync('unshare', ['-n', 'bash', '-c', script], { encoding: 'utf8', input: text, maxBuffer: 1 << 26 });
  return { status: run.status ?? -1, stdout: run.stdout, stderr: run.stderr };
}

/** What iptables-save prints, without its comment lines. */
export const withoutComments = (text: string): string =>
  text
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .join('\n');
