/** `podwire` but for `serve` (launch.ts): finds the command and loads nothing but it. */

interface Command {
  readonly run: (args: readonly string[]) => number | Promise<number>;
}

const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  trace: () => import('./trace.js'),
  exec: () => import('./exec.js'),
  export: () => import('./export.js'),
  'what-if': () => import('./what-if.js'),
};

/** `serve` is run by launch.ts; only its help is here. */
const isServe = (name: string): boolean => name === 'serve';

async function main([name = '', ...args]: readonly string[]): Promise<void> {
  const load = COMMANDS[name];
  const { asksForHelp, commandUsage, usage } = await import('./usage.js');
  if (asksForHelp(args) && (load !== undefined || isServe(name))) process.exitCode = commandUsage(name);
  else if (load === undefined) process.exitCode = usage(name, args);
  else {
    const { run } = await load();
    process.exitCode = await run(args);
  }
}

// No await at the top: this file is compiled to a script, of which V8 can keep the compiled code (launch.ts).
void main(process.argv.slice(2));
