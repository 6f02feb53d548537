import type { CniObject } from '../../../src/cni/index.js';
import type { ChainState } from '../../../src/kernel/index.js';
import { bridge, chained } from './chained.js';
import { bothDoTheSame, type Invocation, type Step } from './compare.js';
import type { Change } from './machines.js';

const portmap = chained('portmap');

const ports = (...portMappings: readonly CniObject[]): CniObject => ({ runtimeConfig: { portMappings } });
const WEB = { hostPort: 8080, containerPort: 80, protocol: 'tcp' };
const DNS = { hostPort: 53, containerPort: 1053, protocol: 'udp' };

const CHAINS: readonly (readonly [string, CniObject])[] = [
  ['one port', ports(WEB)],
  ['ports of both protocols', ports(WEB, DNS, { ...WEB, hostPort: 8443, containerPort: 443 })],
  ['a port of one address', ports({ ...WEB, hostIP: '192.0.2.1' })],
  ['a port of any address', ports({ ...WEB, hostIP: '0.0.0.0' })],
  ['a port of another family', ports({ ...WEB, hostIP: '2001:db8::1' })],
  ['sctp', ports({ ...WEB, protocol: 'sctp' })],
  ['protocols in capitals', ports({ ...WEB, protocol: 'TCP' })],
  ['more ports than multiport takes', ports(...Array.from({ length: 17 }, (_, i) => ({ ...WEB, hostPort: 9000 + i })))],
  ['ports of three protocols', ports(DNS, WEB, { ...WEB, protocol: 'sctp' })],
  ['ports under more conditions', { ...ports(WEB), conditionsV4: ['-m', 'mark', '--mark', '0x1', '-s', '192.0.2.9'] }],
  ['ports without SNAT', { ...ports(WEB, DNS), snat: false }],
  ['ports with a mark of their own', { ...ports(WEB), markMasqBit: 5 }],
  ['the highest mark', { ...ports(WEB), markMasqBit: 31 }],
  ['ports with a chain of somebody else', { ...ports(WEB), externalSetMarkChain: 'KUBE-MARK-MASQ' }],
  ['ports under conditions', { ...ports(WEB, DNS), conditionsV4: ['!', '-d', '192.0.2.0/24'] }],
  ['no ports', ports()],
  ['nothing of the runtime', {}],
];
for (const [name, fields] of CHAINS) {
  const before: Step[] = [
    bridge('ADD'),
    {
      side: 'host',
      real: 'iptables -t nat -N KUBE-MARK-MASQ',
      emulated: ({ netfilter }) => netfilter.iptables.restore('*nat\n:KUBE-MARK-MASQ - [0:0]\nCOMMIT\n'),
    },
  ];
  bothDoTheSame(`portmap: ${name}`, [
    ...before,
    portmap('ADD', fields),
    portmap('CHECK', fields),
    portmap('ADD', fields),
    portmap('DEL', fields),
    portmap('DEL', fields),
  ]);
}

bothDoTheSame('portmap: two containers, of which one goes', [
  bridge('ADD'),
  portmap('ADD', ports(WEB)),
  bridge('ADD', { containerId: 'c2', ifName: 'eth1' }),
  portmap('ADD', ports(DNS), { containerId: 'c2', ifName: 'eth1' }),
  portmap('DEL', ports(WEB)),
]);

/** `iptables -t nat`, and the same on an emulated table. */
const natChange = (real: string, edit: (chain: ChainState) => ChainState | undefined): Change => ({
  side: 'host',
  real,
  emulated: ({ netfilter: { iptables } }) => {
    const tables = iptables.state();
    iptables.apply(
      tables.map((table) =>
        table.name === 'nat' ? { ...table, chains: table.chains.flatMap((chain) => edit(chain) ?? []) } : table,
      ),
    );
  },
});
const OWN = 'own=$(iptables -t nat -S | sed -n "s/^-N \\(CNI-DN-.*\\)/\\1/p"); ';
const isOwn = ({ name }: ChainState): boolean => name.startsWith('CNI-DN-');
const withoutRules = (chain: ChainState): ChainState => ({ ...chain, rules: [] });

const BROKEN: readonly (readonly [string, Change])[] = [
  [
    'the chain is gone',
    natChange(
      `${OWN} iptables -t nat -F CNI-HOSTPORT-DNAT; iptables -t nat -F $own; iptables -t nat -X $own`,
      (chain) => {
        if (isOwn(chain)) return undefined;
        return chain.name === 'CNI-HOSTPORT-DNAT' ? withoutRules(chain) : chain;
      },
    ),
  ],
  [
    'a rule is gone',
    natChange(`${OWN} iptables -t nat -D $own 3`, (chain) =>
      isOwn(chain) ? { ...chain, rules: chain.rules.toSpliced(2, 1) } : chain,
    ),
  ],
  [
    'nothing leads to the chain',
    natChange('iptables -t nat -F CNI-HOSTPORT-DNAT', (chain) =>
      chain.name === 'CNI-HOSTPORT-DNAT' ? withoutRules(chain) : chain,
    ),
  ],
];
for (const [name, broken] of BROKEN) {
  bothDoTheSame(`portmap: CHECK where ${name}`, [
    bridge('ADD'),
    portmap('ADD', ports(WEB, DNS)),
    broken,
    portmap('CHECK', ports(WEB, DNS)),
    portmap('DEL', ports(WEB, DNS)),
  ]);
}

const REFUSED: readonly (readonly [string, Invocation])[] = [
  ['portmap alone', portmap('ADD', ports(WEB))],
  ['portmap with two marks', portmap('ADD', { ...ports(WEB), markMasqBit: 3, externalSetMarkChain: 'X' })],
  ['portmap with a mark too high', portmap('ADD', { ...ports(WEB), markMasqBit: 32 })],
  ['portmap with a mark below 0', portmap('ADD', { ...ports(WEB), markMasqBit: -1 })],
  ['portmap to port 0', portmap('ADD', ports({ ...WEB, containerPort: 0 }))],
  ['portmap from port 0', portmap('ADD', ports({ ...WEB, hostPort: 0 }))],
  ['portmap CHECK alone', portmap('CHECK', ports(WEB))],
];
for (const [name, step] of REFUSED) bothDoTheSame(`refused: ${name}`, [step]);
for (const [name, step] of REFUSED) bothDoTheSame(`after a bridge: ${name}`, [bridge('ADD'), step]);

/** iptables takes what stands before one that it refuses. */
const NOT_TAKEN: readonly (readonly [string, CniObject])[] = [
  ['a host port above 65535', ports({ ...WEB, hostPort: 65536 })],
  ['a host port of UDP above 65535', ports({ ...DNS, hostPort: 70000 })],
  ['a container port above 65535', ports({ ...WEB, containerPort: 65536 })],
  ['a second one above 65535', ports(WEB, { hostPort: 65536, containerPort: 81, protocol: 'udp' })],
  ['a second container port above 65535', ports(WEB, { hostPort: 81, containerPort: 70000, protocol: 'udp' })],
  ['the same twice', ports(WEB, WEB)],
  ['one host port for two', ports(WEB, { ...WEB, containerPort: 81 })],
  ['no protocol', ports({ hostPort: 80, containerPort: 80 })],
  ['a protocol without ports', ports({ hostPort: 80, containerPort: 80, protocol: 'icmp' })],
  ['a protocol that nobody knows', ports({ hostPort: 80, containerPort: 80, protocol: 'what' })],
  ['a protocol by its number', ports({ hostPort: 80, containerPort: 80, protocol: '6' })],
  ['dccp', ports({ hostPort: 80, containerPort: 80, protocol: 'dccp' })],
  ['a port that is a text', ports({ ...WEB, hostPort: '80' })],
  ['a port that is no whole number', ports({ ...WEB, hostPort: 80.5 })],
];
for (const [name, fields] of NOT_TAKEN)
  bothDoTheSame(`portmap: ${name}`, [
    bridge('ADD'),
    ...['ADD', 'CHECK', 'DEL'].map((command) => portmap(command, fields)),
  ]);
