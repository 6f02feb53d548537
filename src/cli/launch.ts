/**
 * The file that `podwire` starts: runs the command line's script with the code that V8 compiled of it when it was
 * built (https://v8.dev/blog/code-caching), which saves half of the time until the first line. Another version of Node
 * takes no notice of that code and compiles the script itself.
 */

import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Script } from 'node:vm';

/** Written in by the build: the script's name, which has a hash of its content. */
declare const COMMAND_LINE: string;

export type CommandLine = (require: NodeJS.Require, url: string, module: { exports: unknown }) => void;

function runScript(): void {
  const filename = join(import.meta.dirname, COMMAND_LINE);
  const cache = `${filename}.cache`;
  // The build writes ASCII only, and Latin-1 is read without decoding.
  const script = new Script(readFileSync(filename, 'latin1'), {
    filename,
    ...(existsSync(cache) ? { cachedData: readFileSync(cache) } : {}),
  });
  const run = script.runInThisContext() as CommandLine;
  run(createRequire(filename), pathToFileURL(filename).href, { exports: {} });
}

/** A module, as the packages are that it needs. */
async function runServer(args: readonly string[]): Promise<void> {
  // Beside the thread of a cluster, where the build puts it.
  const path: string = '../server/serve.js';
  const { run } = (await import(path)) as typeof import('./serve.js');
  process.exitCode = await run(args);
}

const [name, ...args] = process.argv.slice(2);
if (name === 'serve' && !args.includes('--help') && !args.includes('-h')) void runServer(args);
else runScript();
