/** Captures handed to the real tools. */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PcapngWriter } from '../../src/packet/index.js';

/** Why `tool` cannot be asked, or undefined where it is installed. */
export function missing(tool: string): string | undefined {
  const { error } = spawnSync(tool, ['--version'], { stdio: 'ignore' });
  return error === undefined ? undefined : `${tool} is not installed`;
}

/** The wording of tcpdump changes between its releases; ours is that of 4.99.3 and of what prints alike. */
export function missingTcpdump(): string | undefined {
  const { stderr, stdout } = spawnSync('tcpdump', ['--version'], { encoding: 'utf8' });
  return `${stderr}${stdout}`.includes('tcpdump version 4.99.3') ? undefined : 'tcpdump 4.99.3 is not installed';
}

/** What `tool -r FILE` prints of a capture; `arguments_` follow. */
export function readWith(
  tool: string,
  capture: Uint8Array,
  ...arguments_: string[]
): { stdout: string; stderr: string; status: number | null } {
  const folder = mkdtempSync(join(tmpdir(), 'podwire-'));
  try {
    const file = join(folder, 'test.pcapng');
    writeFileSync(file, capture);
    const { stdout, stderr, status } = spawnSync(tool, ['-r', file, ...arguments_], {
      encoding: 'utf8',
      maxBuffer: 2 ** 28,
    });
    return { stdout, stderr, status };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** A capture of frames on one Ethernet interface, a microsecond apart. */
export function captureOf(frames: readonly Uint8Array[]): Uint8Array {
  const writer = new PcapngWriter({ userApplication: 'podwire' });
  const interfaceId = writer.addInterface({ name: 'eth0' });
  frames.forEach((bytes, i) =>
    writer.addPacket({ interfaceId, timestamp: 1_000_000_000_000_000_000n + BigInt(i) * 1000n, bytes }),
  );
  return writer.take();
}
