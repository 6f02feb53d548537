/** A namespace of the machine for the length of a test file, to ask the real tools in. */

import { spawnSync } from 'node:child_process';
import type { Test } from 'tap';
import type { ToolResult } from '../../src/tools/index.js';

const splitWords = (line: string): string[] => line.split(' ').filter((word) => word !== '');

export class RealNetns {
  readonly name: string;
  /** Why there is none, or false. */
  readonly missing: string | false;

  /** `about`: what the file is about. It goes with the file's end, whether its tests run or not. */
  constructor(t: Test, about: string) {
    this.name = `pw-tools-${about}-${process.pid}`;
    this.missing = this.#make();
    if (this.missing === false) t.teardown(() => spawnSync('ip', ['netns', 'delete', this.name]));
  }

  #make(): string | false {
    if (process.getuid?.() !== 0) return 'namespaces need root';
    const { status, stderr } = spawnSync('ip', ['netns', 'add', this.name], { encoding: 'utf8' });
    return status === 0 ? false : `no network namespaces here: ${stderr ?? ''}`;
  }

  /** What a command, words between blanks, says there. */
  run(command: string, input = ''): ToolResult {
    const words = ['netns', 'exec', this.name, ...splitWords(command)];
    const { status, stdout, stderr } = spawnSync('ip', words, { encoding: 'utf8', input });
    return { exitCode: status ?? -1, stdout: stdout ?? '', stderr: stderr ?? '' };
  }

  withoutIpv6(): void {
    for (const which of ['all', 'default']) this.run(`sysctl -qw net.ipv6.conf.${which}.disable_ipv6=1`);
  }

  /** Why the tool there is not the one that ours is held to, or false. */
  isNot(asked: string, wanted: string): string | false {
    if (this.missing !== false) return this.missing;
    const { stdout } = this.run(asked);
    return stdout.includes(wanted) ? false : `${asked} says ${stdout.trim() || 'nothing'}, not ${wanted}`;
  }
}
