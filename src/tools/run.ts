/** Finds the tool and runs it in a namespace of the cluster. */

import type { Cluster, EndpointName } from '../cluster/index.js';
import { type Netns, NS_PER_MS } from '../kernel/index.js';
import { arping } from './arping.js';
import { birdc } from './birdc.js';
import { bridge } from './bridge.js';
import { calicoctl } from './calicoctl/calicoctl.js';
import { conntrack } from './conntrack/conntrack.js';
import { crictl } from './crictl/crictl.js';
import { curl } from './curl.js';
import { date } from './date.js';
import { dig } from './dns/dig.js';
import { getent } from './dns/getent.js';
import { env, printenv } from './env.js';
import { host } from './dns/host.js';
import { nslookup } from './dns/nslookup.js';
import { ethtool } from './ethtool.js';
import { cat, ls, readlink } from './files.js';
import { hostname } from './hostname.js';
import { id, whoami } from './id.js';
import { ip } from './ip/ip.js';
import { ipset } from './ipset.js';
import { iptables } from './iptables/iptables.js';
import { iptablesSave } from './iptables/save.js';
import { mtr } from './mtr.js';
import { nc } from './nc.js';
import { arp } from './net-tools/arp.js';
import { ifconfig } from './net-tools/ifconfig.js';
import { netstat } from './net-tools/netstat.js';
import { route } from './net-tools/route.js';
import { asksForIpv6, forIpv6, noIpv6, notOffered } from './not-modelled.js';
import { nsenter } from './nsenter.js';
import { nstat } from './nstat.js';
import { ping } from './ping/ping.js';
import { lsns } from './processes/lsns.js';
import { pgrep } from './processes/pgrep.js';
import { pidof } from './processes/pidof.js';
import { ps } from './processes/ps.js';
import { shell } from './shell/shell.js';
import { ss } from './ss/ss.js';
import { sysctl } from './sysctl.js';
import { tc } from './tc.js';
import { awk, cut } from './text/columns.js';
import { expr } from './text/expr.js';
import { grepOf } from './text/grep.js';
import { head, tail } from './text/head-tail.js';
import { echo, fail, sleep, success } from './text/plain.js';
import { basename, dirname } from './text/paths.js';
import { printf } from './text/printf.js';
import { sed } from './text/sed/sed.js';
import { seq } from './text/seq.js';
import { sort, uniq } from './text/sort.js';
import { tee } from './text/tee.js';
import { tr } from './text/tr.js';
import { wc } from './text/wc.js';
import { xargs } from './text/xargs.js';
import { telnet } from './telnet.js';
import { bracket, test } from './test-command.js';
import { timed } from './time.js';
import { tracepath } from './tracepath.js';
import { traceroute } from './traceroute/traceroute.js';
import {
  environmentOf,
  failure,
  ok,
  type Programs,
  together,
  type Tool,
  type ToolPlace,
  type ToolResult,
} from './tool.js';
import { uname } from './uname.js';
import { watch } from './watch.js';
import { wget } from './wget.js';
import { which } from './which.js';

/** Every command that `exec` offers. */
export const TOOLS: Readonly<Record<string, Tool>> = {
  '[': bracket,
  arp,
  arping,
  awk,
  basename,
  bash: (place, args, input = '') => shell(place, args, { dialect: 'bash', programs: PROGRAMS, input }),
  birdc,
  birdcl: birdc,
  bridge,
  calicoctl,
  cat,
  conntrack,
  crictl,
  curl,
  cut,
  date,
  dig,
  dirname,
  echo,
  egrep: grepOf('extended'),
  env: (place, args, input) => env(place, args, runIn, input),
  ethtool,
  expr,
  false: fail,
  fgrep: grepOf('fixed'),
  getent,
  grep: grepOf('basic'),
  head,
  host,
  hostname,
  id,
  ifconfig,
  ip,
  ip6tables: forIpv6('ip6tables'),
  'ip6tables-save': forIpv6('ip6tables-save'),
  ipset,
  iptables,
  'iptables-nft': iptables,
  'iptables-nft-save': iptablesSave,
  'iptables-save': iptablesSave,
  ls,
  lsns,
  mtr,
  nc,
  netstat,
  nsenter: (place, args, input) => nsenter(place, args, runIn, input),
  nslookup,
  nstat,
  pgrep,
  pidof,
  ping,
  ping6: forIpv6('ping6'),
  printenv,
  printf,
  ps,
  readlink,
  pwd: (place) => ok(`${place.folder ?? '/'}\n`),
  route,
  sed,
  seq,
  sh: (place, args, input = '') => shell(place, args, { dialect: 'sh', programs: PROGRAMS, input }),
  sleep,
  sort,
  ss,
  sysctl,
  tail,
  tc,
  tee,
  telnet,
  test,
  time: (place, args, input) => timed(place, args, runIn, input),
  tr,
  tracepath,
  traceroute,
  traceroute6: forIpv6('traceroute6'),
  true: success,
  uname,
  uniq,
  watch: (place, args) => watch(place, args, runIn),
  wc,
  wget,
  which: (_place, args) => which(args, PROGRAMS),
  whoami,
  xargs: (place, args, input) => xargs(place, args, runIn, input),
};

/** Where programs lie. */
const FOLDER = /^\/(?:usr\/(?:local\/)?)?s?bin\//;

/** Debian's programs that are the administrator's. */
const SBIN = new Set(
  'arp birdc birdcl bridge conntrack ethtool ifconfig ip ip6tables ip6tables-save ipset iptables iptables-nft iptables-nft-save iptables-save route sysctl tc traceroute traceroute6'.split(
    ' ',
  ),
);

function pathOf(name: string): string | undefined {
  const bare = name.replace(FOLDER, '');
  if (!Object.hasOwn(TOOLS, bare)) return undefined;
  if (bare !== name) return name;
  if (bare === 'calicoctl' || bare === 'crictl') return `/usr/local/bin/${bare}`;
  return `/usr/${SBIN.has(bare) ? 'sbin' : 'bin'}/${bare}`;
}

const PROGRAMS: Programs = { run: (...asked) => runIn(...asked), pathOf };

/** Whoever asks next takes longer than the last packets of a connection that a program has closed. */
const FAREWELL_NS = 250 * NS_PER_MS;

/** Runs a command as it would run there. An unknown one ends with 127, as in a shell. */
export function runTool(cluster: Cluster, endpoint: EndpointName, command: readonly string[]): ToolResult {
  const { netns, pod } = cluster.locate(endpoint);
  const { emulation } = cluster;
  const before = emulation.packetsMade;
  const result = runIn({ cluster, netns, pod }, command, '');
  // No time passes where nothing is on its way, and none for a command that has sent nothing.
  if (emulation.packetsMade > before) emulation.run(() => false, emulation.clock.nowNs + FAREWELL_NS);
  return result;
}

function runIn(place: ToolPlace, command: readonly string[], input: string): ToolResult {
  const [path = '', ...args] = command;
  const name = path.replace(FOLDER, '');
  const elsewhere = name === 'ip' ? runInNetns(place, args, input) : undefined;
  if (elsewhere !== undefined) return elsewhere;
  const tool = Object.hasOwn(TOOLS, name) ? TOOLS[name] : undefined;
  if (tool === undefined)
    return (
      notOffered(name) ?? failure(127, `${path}: command not found; podwire offers ${Object.keys(TOOLS).join(', ')}`)
    );
  return asksForIpv6(name, args) ? noIpv6(name) : tool(place, args, input);
}

/** What stands before `netns exec`: a beginning of each is enough. */
const NETNS_EXEC = /^netns? (?:e|ex|exe|exec)$/;

/** `ip netns exec NAME COMMAND`, `ip -all netns exec COMMAND`: files stay those of the machine. */
function runInNetns(place: ToolPlace, args: readonly string[], input: string): ToolResult | undefined {
  const all = /^--?a(?:ll?)?$/.test(args[0] ?? '');
  const [object = '', verb = '', ...words] = all ? args.slice(1) : args;
  if (!NETNS_EXEC.test(`${object} ${verb}`)) return undefined;
  const { host } = place.netns;
  const environment = environmentOf(place);
  const within = (netns: Netns, command: readonly string[]): ToolResult =>
    runIn({ ...place, netns, pod: undefined, environment }, command, input);
  if (all) {
    if (words.length === 0) return failure(255, 'No command specified');
    return together(
      host.namespaces
        .filter(({ name }) => name !== '')
        .map((netns) => {
          const result = within(netns, words);
          return { ...result, stdout: `\nnetns: ${netns.name}\n${result.stdout}` };
        }),
    );
  }
  const [name, ...command] = words;
  if (name === undefined || command.length === 0) return failure(255, 'No command specified');
  const netns = host.namedNetns(name);
  if (netns === undefined) return failure(255, `Cannot open network namespace "${name}": No such file or directory`);
  return within(netns, command);
}
