/**
 * A second real kernel: a distribution's, in a machine that qemu emulates instruction by instruction. It needs no root,
 * and its clock counts instructions, so that it does not matter how busy this machine is. One boot, many cases.
 */

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const FOLDER = 'test/conformance/qemu';
const BUILD = `${FOLDER}/build-guest.sh`;
const PROGRAMS = ['qemu-system-x86_64', 'apt-get', 'dpkg-deb', 'cpio', 'depmod', 'tar', 'python3'];
const RESULTS_MIB = 128;
/** Of wall time. What hangs inside is ended inside, by the guest's own clock: this is for machines that are too slow. */
const TIMEOUT_MS = Number(process.env['PODWIRE_GUEST_SECONDS'] ?? 420) * 1000;

/** The kernel and the initramfs, kept outside of the project. */
export interface Guest {
  readonly folder: string;
  readonly kernel: string;
  readonly initramfs: string;
}

const has = (program: string): boolean =>
  spawnSync('sh', ['-c', `PATH="$PATH:/usr/sbin:/sbin" command -v ${program}`]).status === 0;

/** Anew where the recipe is another. */
function guestFolder(): string {
  const recipe = createHash('sha256');
  for (const file of [BUILD, `${FOLDER}/init`]) recipe.update(readFileSync(file));
  return join(tmpdir(), `podwire-guest-${recipe.digest('hex').slice(0, 12)}`);
}

const guestIn = (folder: string): Guest => ({
  folder,
  kernel: join(folder, 'vmlinuz'),
  initramfs: join(folder, 'initramfs'),
});

/** The guest, built if it is not there; or why there is none. */
export function requireGuest(): Guest | string {
  const missing = PROGRAMS.filter((program) => !has(program));
  if (missing.length > 0) return `needs ${missing.join(', ')}`;
  const guest = guestIn(guestFolder());
  if (existsSync(guest.initramfs)) return guest;
  const part = mkdtempSync(join(tmpdir(), 'podwire-guest-part-'));
  const { status, stderr } = spawnSync('bash', [BUILD, part], { encoding: 'utf8' });
  if (status !== 0) {
    rmSync(part, { recursive: true });
    return `a guest cannot be built: ${stderr.trim().split('\n').at(-1) ?? ''}`;
  }
  rmSync(join(part, 'kernel'), { recursive: true, force: true });
  // Somebody else may have been quicker.
  if (existsSync(guest.folder)) rmSync(part, { recursive: true });
  else renameSync(part, guest.folder);
  return guest;
}

/** Files by name. */
export type Files = Readonly<Record<string, string>>;

const ARCHIVE_BLOCK = 512;

/** Runs `job.sh` among these files in the guest; what it left in /results, and the console. */
export function runGuest(guest: Guest, files: Files): { readonly results: Files; readonly console: string } {
  const place = mkdtempSync(join(tmpdir(), 'podwire-guest-run-'));
  const at = (name: string): string => join(place, name);
  try {
    for (const folder of ['job', 'results']) mkdirSync(at(folder));
    for (const [file, text] of Object.entries(files)) writeFileSync(join(at('job'), file), text);
    run('tar', ['-cf', at('in.tar'), '-C', at('job'), '.']);
    run('truncate', ['-s', `%${ARCHIVE_BLOCK}`, at('in.tar')]);
    run('truncate', ['-s', `${RESULTS_MIB}M`, at('out.tar')]);
    boot(guest, { in: at('in.tar'), out: at('out.tar'), console: at('console') });
    run('tar', ['-xf', at('out.tar'), '-C', at('results')]);
    const names = readdirSync(at('results'));
    return {
      results: Object.fromEntries(names.map((name) => [name, readFileSync(join(at('results'), name), 'utf8')])),
      console: readFileSync(at('console'), 'utf8'),
    };
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}

/** A nanosecond is an instruction, and what waits costs nothing. */
const MACHINE =
  '-M q35 -cpu max -m 1024 -smp 1 -nodefaults -no-reboot -nographic -net none -accel tcg,thread=single -icount shift=0,sleep=off';
const KERNEL_WORDS = 'console=ttyS0 quiet panic=-1 tsc=unstable no_timer_check random.trust_cpu=on mitigations=off';

function boot(guest: Guest, files: { readonly in: string; readonly out: string; readonly console: string }): void {
  const options = [
    ['-kernel', guest.kernel],
    ['-initrd', guest.initramfs],
    ['-append', KERNEL_WORDS],
    ['-serial', `file:${files.console}`],
    ['-drive', `file=${files.in},format=raw,if=virtio,readonly=on`],
    ['-drive', `file=${files.out},format=raw,if=virtio`],
  ];
  run('qemu-system-x86_64', [...MACHINE.split(' '), ...options.flat()], TIMEOUT_MS);
}

/** Says nothing about the emulator. */
export class GuestTooSlow extends Error {}

function run(program: string, args: readonly string[], timeout?: number): string {
  const options = {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    stdio: 'pipe',
    input: '',
    ...(timeout === undefined ? {} : { timeout }),
  } as const;
  const { status, stdout, stderr, error } = spawnSync(program, args, options);
  if (error !== undefined && 'code' in error && error.code === 'ETIMEDOUT')
    throw new GuestTooSlow(`this machine is too slow: the guest has not finished in ${TIMEOUT_MS / 1000} s`);
  if (error !== undefined || status !== 0) throw new Error(`${program}: ${error?.message ?? stderr}`);
  return stdout;
}
