/**
 * A real BIRD 1.6.8, as Debian packages it: fetched once into the system's temporary folder and never installed.
 * It reads files as judge of their syntax, and runs in namespaces beside ours.
 */

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const CACHE = join(tmpdir(), 'podwire-bird-1.6.8');
/** With `c` behind it, its client. */
export const PROGRAM_16 = join(CACHE, 'usr/sbin/bird');

/** Fetches it where it is not there yet; text: why that cannot be. */
function fetched(): string | undefined {
  if (existsSync(PROGRAM_16)) return undefined;
  mkdirSync(CACHE, { recursive: true });
  const download = spawnSync('apt-get', ['download', 'bird=1.6.8*'], { cwd: CACHE, encoding: 'utf8' });
  const archive = readdirSync(CACHE).find((file) => file.endsWith('.deb'));
  if (archive === undefined) {
    const why = download.error?.message ?? download.stderr.trim().split('\n')[0] ?? '';
    return `BIRD 1.6.8 is not to be had by apt-get download: ${why}`;
  }
  spawnSync('dpkg', ['-x', archive, '.'], { cwd: CACHE });
  return existsSync(PROGRAM_16) ? undefined : 'the package of BIRD 1.6.8 has no bird';
}

/** Why it cannot be asked here, or undefined. */
export function whyNoBird16(): string | undefined {
  const why = fetched();
  if (why !== undefined) return why;
  const probe = spawnSync(PROGRAM_16, ['--version'], { encoding: 'utf8' });
  const version = `${probe.stdout ?? ''}${probe.stderr ?? ''}`.trim();
  return version.includes('1.6.8') ? undefined : `BIRD 1.6.8 does not run: ${probe.error?.message ?? version}`;
}

/** What `bird -p` says of a text: nothing where it takes it, else the complaint. */
export function judgedBy16(files: Readonly<Record<string, string>>, family: 'ipv4' | 'ipv6'): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'bird16-'));
  try {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    const program = family === 'ipv4' ? PROGRAM_16 : `${PROGRAM_16}6`;
    const run = spawnSync(program, ['-p', '-c', join(folder, 'bird.conf')], { encoding: 'utf8', cwd: folder });
    if (run.status === 0) return undefined;
    return `${run.stdout}${run.stderr}`.replaceAll(`${folder}/`, '').trim();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
