/** Flags on kube-proxy's command line (cmd/kube-proxy/app/options.go), for installations without a file. */

import { isObject, type Json, type JsonObject, type TemplateContainer } from '../../kubernetes/index.js';

const WORD = /^--([a-z0-9-]+)(?:=(.*))?$/;

/** `--name=value`, `--name value` and `--name` of the container that runs the program. */
export function flagsOf(containers: readonly TemplateContainer[], program = 'kube-proxy'): ReadonlyMap<string, string> {
  const container = containers.find(({ name }) => name === program) ?? containers[0];
  const words =
    container === undefined ? [] : [...container.command, ...container.args].flatMap((word) => word.split(/\s+/));
  const flags = new Map<string, string>();
  words.forEach((word, i) => {
    const match = WORD.exec(word.replace(/^["']|["']$/g, ''));
    if (match === null) return;
    const next = words[i + 1];
    const apart = next !== undefined && !next.startsWith('-') ? next : 'true';
    flags.set(match[1] ?? '', match[2] ?? apart);
  });
  return flags;
}

type Convert = (text: string) => Json;
const asText: Convert = (text) => text;
const asFlag: Convert = (text) => text === 'true' || text === '1' || text === 't';
const asNumber: Convert = Number;
const asList: Convert = (text) => text.split(',').filter((part) => part !== '');

/** Flag, the way to its field, and how its text becomes a value. */
const FIELDS: readonly (readonly [flag: string, path: readonly string[], convert: Convert])[] = [
  ['proxy-mode', ['mode'], asText],
  ['cluster-cidr', ['clusterCIDR'], asText],
  ['bind-address', ['bindAddress'], asText],
  ['healthz-bind-address', ['healthzBindAddress'], asText],
  ['metrics-bind-address', ['metricsBindAddress'], asText],
  ['hostname-override', ['hostnameOverride'], asText],
  ['masquerade-all', ['iptables', 'masqueradeAll'], asFlag],
  ['iptables-masquerade-bit', ['iptables', 'masqueradeBit'], asNumber],
  ['iptables-localhost-nodeports', ['iptables', 'localhostNodePorts'], asFlag],
  ['iptables-sync-period', ['iptables', 'syncPeriod'], asText],
  ['iptables-min-sync-period', ['iptables', 'minSyncPeriod'], asText],
  ['nodeport-addresses', ['nodePortAddresses'], asList],
  ['detect-local-mode', ['detectLocalMode'], asText],
  ['pod-bridge-interface', ['detectLocal', 'bridgeInterface'], asText],
  ['pod-interface-name-prefix', ['detectLocal', 'interfaceNamePrefix'], asText],
  ['conntrack-max-per-core', ['conntrack', 'maxPerCore'], asNumber],
  ['conntrack-min', ['conntrack', 'min'], asNumber],
  ['conntrack-tcp-timeout-established', ['conntrack', 'tcpEstablishedTimeout'], asText],
  ['conntrack-tcp-timeout-close-wait', ['conntrack', 'tcpCloseWaitTimeout'], asText],
  ['conntrack-tcp-be-liberal', ['conntrack', 'tcpBeLiberal'], asFlag],
  ['conntrack-udp-timeout', ['conntrack', 'udpTimeout'], asText],
  ['conntrack-udp-timeout-stream', ['conntrack', 'udpStreamTimeout'], asText],
];

/** `A=true,B=false`. */
const gatesOf = (text: string): JsonObject =>
  Object.fromEntries(
    text
      .split(',')
      .map((part) => part.split('='))
      .flatMap(([name = '', value]) => (name === '' ? [] : [[name, value === 'true'] as const])),
  );

/** The fields of a configuration that the flags stand for. */
export function jsonOfFlags(flags: ReadonlyMap<string, string>): JsonObject {
  const json: Record<string, Json> = {};
  for (const [flag, [outer = '', inner], convert] of FIELDS) {
    const text = flags.get(flag);
    if (text === undefined) continue;
    const value = convert(text);
    const held = json[outer];
    const section = isObject(held) ? held : {};
    json[outer] = inner === undefined ? value : { ...section, [inner]: value };
  }
  const gates = flags.get('feature-gates');
  return gates === undefined ? json : { ...json, featureGates: gatesOf(gates) };
}
