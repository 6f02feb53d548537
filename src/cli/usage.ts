/** Help. */

import { readFileSync } from 'node:fs';

const CLUSTER = `  PATH       files or folders of YAML or JSON; - is standard input
  -q         says nothing of findings
  --seed N   draws other random numbers; the default is 1
`;

const NAMES = `  FROM, TO   pod/NAMESPACE/NAME, node/NAME, host/NAME or an IPv4 address; deployment/NAMESPACE/NAME, sts/… or
             another workload for one of its pods; TO also svc/NAMESPACE/NAME, lb/NAMESPACE/NAME or a DNS name
  PORT       a number, or the name that a Service or a container gives its port
`;

const COMMANDS: Readonly<Record<string, { readonly brief: string; readonly more: string }>> = {
  trace: {
    brief: `  podwire trace -f PATH... FROM TO[:PORT] [--proto tcp|udp|sctp|icmp] [-o text|json|pcapng|minimal] [-a]
      [--size OCTETS] [--branches one|all] [--backend NAME] [--seed N]
      sends a connection and prints its way, hop by hop; or all ways that chance can take, as a tree and one by one
`,
    more: `${NAMES}${CLUSTER}  -a, --all  every packet hop by hop
  --branches all  every way that chance can take, as among the endpoints of a Service: a tree, and each way as above
  --backend  the way that leads there: pod/NAMESPACE/NAME, or an address
  --size     so much data: over TCP and SCTP once the connection is open, by UDP and ping in a datagram, as ping -M do -s
             does; it fills packets, so that links of a smaller MTU on the way show

Exit status: 0 delivered and answered, 1 not, 2 bad input.
`,
  },
  'what-if': {
    brief: `  podwire what-if -f PATH... [--change FILE]... [--delete KIND/NAMESPACE/NAME]... FROM TO[:PORT] [FROM TO]...
      sends each flow before and after the change and says which come out otherwise, and what decided them;
      with --among, from each name to each other [--port N] [--proto tcp|udp|sctp|icmp] [-o text|json] [--seed N]
`,
    more: `${NAMES}
Objects of --change take the place of those of their names where the API server lets them become that. What stands in both
--delete and --change is deleted, and made anew.
Exit status: 0 nothing changes, 1 some flow does, 2 bad input.
`,
  },
  exec: {
    brief: `  podwire exec -f PATH... HOST -- COMMAND...
      runs a tool on a host or in a pod: ip, bridge, iptables, iptables-save, ipset, conntrack, sysctl, ss, nstat,
      ping, traceroute, nc, dig, nslookup, getent, curl, birdc, calicoctl, cat, ls, hostname, sh -c, grep
`,
    more: `  HOST       pod/NAMESPACE/NAME, deployment/NAMESPACE/NAME or another workload, node/NAME or host/NAME
${CLUSTER}
sh -c 'COMMAND; COMMAND | grep WORD' runs one after the other in the same cluster; it has the shell's loops and conditions.
Exit status: that of the tool, 2 for bad input.
`,
  },
  export: {
    brief: `  podwire export netns -f PATH... [HOST...] [--prefix pw]
      prints a script that rebuilds the hosts, all or those named, as network namespaces of a Linux machine
`,
    more: CLUSTER,
  },
  serve: {
    brief: `  podwire serve [-f PATH]... [-f NAME=PATH]... [--listen 127.0.0.1:7741] [--token-file PATH] [--origin URL]...
      answers over HTTP: an API under /api/v1, its reference at /api/v1/reference
`,
    more: `  --seed N, --log silent|fatal|error|warn|info|debug|trace, --max-clusters N, --max-memory MIB, --time-limit S
`,
  },
};

const TEXT = `podwire: what happens to this packet?

${Object.values(COMMANDS)
  .map(({ brief }) => brief)
  .join('')}  podwire COMMAND --help, podwire --version

  PATH       files or folders of YAML or JSON; - is standard input
${NAMES}
Exit status of trace: 0 delivered and answered, 1 not, 2 bad input; of what-if: 0 nothing changes, 1 some flow does.
`;

/** Whether a command's arguments ask for help instead: what stands behind `--` is another program's. */
export function asksForHelp(args: readonly string[]): boolean {
  const end = args.indexOf('--');
  return (end < 0 ? args : args.slice(0, end)).some((word) => word === '--help' || word === '-h');
}

export function commandUsage(command: string): number {
  const { brief, more } = COMMANDS[command] ?? { brief: TEXT, more: '' };
  process.stdout.write(more === '' ? brief : `${brief}\n${more}`);
  return 0;
}

/** package.json lies two folders above what is built. */
function version(): string {
  const read: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  return typeof read === 'object' && read !== null && 'version' in read ? String(read.version) : 'unknown';
}

/** For whatever is no command; `args` are the words behind it. */
export function usage(command: string, args: readonly string[] = []): number {
  if (command === '--version' || command === '-V') {
    console.log(`podwire ${version()}`);
    return 0;
  }
  const [about] = args;
  if (command === 'help' && about !== undefined && Object.hasOwn(COMMANDS, about)) return commandUsage(about);
  if (command === '' || command === 'help' || command === '--help' || command === '-h') {
    if (command === '') console.error(TEXT);
    else console.log(TEXT);
    return command === '' ? 2 : 0;
  }
  console.error(`podwire: unknown command "${command}"\n\n${TEXT}`);
  return 2;
}
