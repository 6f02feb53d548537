/** `podwire`: finds the command and loads nothing but it. */

interface Command {
  readonly run: (args: readonly string[]) => number | Promise<number>;
}

const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  trace: () => import('./trace.js'),
  exec: () => import('./exec.js'),
  export: () => import('./export.js'),
  serve: () => import('./serve.js'),
};

const [name = '', ...args] = process.argv.slice(2);
const load = COMMANDS[name];
if (load === undefined) {
  const { usage } = await import('./usage.js');
  process.exitCode = usage(name);
} else {
  const { run } = await load();
  process.exitCode = await run(args);
}
