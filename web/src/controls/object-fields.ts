/** Fields of the objects that people change here, for completion in the editor; `>` leads into a field, `[]` into a list's items. */

const META = ['name', 'namespace', 'labels', 'annotations'];
const SELECTOR = ['matchLabels', 'matchExpressions'];
const PEER = ['ipBlock', 'namespaceSelector', 'podSelector'];
const PORT = ['endPort', 'port', 'protocol'];
const ENTITY = [
  'nets',
  'notNets',
  'notPorts',
  'notSelector',
  'namespaceSelector',
  'ports',
  'selector',
  'serviceAccounts',
  'services',
];
const CALICO_RULE = [
  'action',
  'destination',
  'icmp',
  'ipVersion',
  'metadata',
  'notICMP',
  'notProtocol',
  'protocol',
  'source',
];

type Fields = Readonly<Record<string, readonly string[]>>;

const kubernetesPolicy: Fields = {
  spec: ['egress', 'ingress', 'podSelector', 'policyTypes'],
  'spec>podSelector': SELECTOR,
  'spec>ingress[]': ['from', 'ports'],
  'spec>egress[]': ['to', 'ports'],
  'spec>ingress[]>from[]': PEER,
  'spec>egress[]>to[]': PEER,
  'spec>ingress[]>ports[]': PORT,
  'spec>egress[]>ports[]': PORT,
  'spec>ingress[]>from[]>podSelector': SELECTOR,
  'spec>ingress[]>from[]>namespaceSelector': SELECTOR,
  'spec>ingress[]>from[]>ipBlock': ['cidr', 'except'],
  'spec>egress[]>to[]>podSelector': SELECTOR,
  'spec>egress[]>to[]>namespaceSelector': SELECTOR,
  'spec>egress[]>to[]>ipBlock': ['cidr', 'except'],
};

const calicoPolicy: Fields = {
  spec: [
    'applyOnForward',
    'doNotTrack',
    'egress',
    'ingress',
    'namespaceSelector',
    'order',
    'preDNAT',
    'selector',
    'serviceAccountSelector',
    'tier',
    'types',
  ],
  'spec>ingress[]': CALICO_RULE,
  'spec>egress[]': CALICO_RULE,
  'spec>ingress[]>source': ENTITY,
  'spec>ingress[]>destination': ENTITY,
  'spec>egress[]>source': ENTITY,
  'spec>egress[]>destination': ENTITY,
};

const service: Fields = {
  spec: [
    'clusterIP',
    'externalIPs',
    'externalTrafficPolicy',
    'internalTrafficPolicy',
    'ports',
    'selector',
    'sessionAffinity',
    'type',
    'loadBalancerIP',
    'loadBalancerSourceRanges',
  ],
  'spec>ports[]': ['name', 'nodePort', 'port', 'protocol', 'targetPort'],
};

const ippool: Fields = {
  spec: ['allowedUses', 'blockSize', 'cidr', 'disabled', 'ipipMode', 'natOutgoing', 'nodeSelector', 'vxlanMode'],
};

const pod: Fields = {
  spec: ['containers', 'hostNetwork', 'nodeName', 'nodeSelector', 'serviceAccountName', 'tolerations'],
  'spec>containers[]': ['args', 'command', 'env', 'image', 'livenessProbe', 'name', 'ports', 'readinessProbe'],
  'spec>containers[]>ports[]': ['containerPort', 'hostPort', 'name', 'protocol'],
};

const KINDS: Readonly<Record<string, Fields>> = {
  'networking.k8s.io/v1 NetworkPolicy': kubernetesPolicy,
  'projectcalico.org/v3 NetworkPolicy': calicoPolicy,
  'projectcalico.org/v3 GlobalNetworkPolicy': calicoPolicy,
  'v1 Service': service,
  'projectcalico.org/v3 IPPool': ippool,
  'v1 Pod': pod,
};

/** Values that a field may have, whatever the kind. */
const VALUES: Readonly<Record<string, readonly string[]>> = {
  policyTypes: ['Ingress', 'Egress'],
  types: ['Ingress', 'Egress'],
  protocol: ['TCP', 'UDP', 'SCTP'],
  action: ['Allow', 'Deny', 'Log', 'Pass'],
  type: ['ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName'],
  externalTrafficPolicy: ['Cluster', 'Local'],
  internalTrafficPolicy: ['Cluster', 'Local'],
  sessionAffinity: ['None', 'ClientIP'],
  ipipMode: ['Always', 'CrossSubnet', 'Never'],
  vxlanMode: ['Always', 'CrossSubnet', 'Never'],
  natOutgoing: ['true', 'false'],
  kind: ['NetworkPolicy', 'GlobalNetworkPolicy', 'Service', 'Pod', 'IPPool'],
  apiVersion: ['v1', 'networking.k8s.io/v1', 'projectcalico.org/v3'],
};

interface Level {
  readonly indent: number;
  readonly key: string;
}

/** The fields above a line of YAML in block style, outermost first. */
function pathAt(lines: readonly string[], line: number): readonly string[] {
  const own = /^(\s*(?:- )*)/.exec(lines[line] ?? '')?.[1]?.length ?? 0;
  const levels: Level[] = [];
  let limit = own;
  for (let i = line - 1; i >= 0 && limit > 0; i--) {
    const text = lines[i] ?? '';
    if (text.trim() === '---') break;
    const found = /^(\s*)((?:- )*)([\w./-]+):/.exec(text);
    if (found === null) continue;
    const [, space = '', dashes = '', key = ''] = found;
    const at = space.length + dashes.length;
    if (at >= limit) continue;
    levels.unshift({ indent: at, key });
    limit = at;
  }
  return levels.map(({ key }) => key);
}

/** Document of a line: its `apiVersion` and `kind`. */
function kindAt(lines: readonly string[], line: number): string {
  const start = lines.slice(0, line + 1).lastIndexOf('---') + 1;
  const end = lines.indexOf('---', line + 1);
  const own = lines.slice(start, end === -1 ? undefined : end);
  const valueOf = (key: string): string =>
    own.map((text) => new RegExp(`^${key}:\\s*(\\S+)`).exec(text)?.[1]).find((one) => one !== undefined) ?? '';
  return `${valueOf('apiVersion')} ${valueOf('kind')}`;
}

export interface Completions {
  /** Column that what is completed begins at. */
  readonly from: number;
  readonly values: readonly string[];
  readonly isField: boolean;
}

/** What may stand at a place of a text. */
export function completionsAt(text: string, line: number, column: number): Completions | undefined {
  const lines = text.split('\n');
  const before = (lines[line] ?? '').slice(0, column);
  const value = /^\s*(?:- )*([\w]+):\s+\[?(?:[^,\]]*,\s*)*(\S*)$/.exec(before);
  if (value !== null) {
    const [, key = '', typed = ''] = value;
    const values = VALUES[key];
    return values === undefined ? undefined : { from: column - typed.length, values, isField: false };
  }
  const field = /^(\s*(?:- )*)(\w*)$/.exec(before);
  if (field === null) return undefined;
  const [, indent = '', typed = ''] = field;
  const values = fieldsFor(lines, line, indent);
  return values === undefined ? undefined : { from: column - typed.length, values, isField: true };
}

function fieldsFor(lines: readonly string[], line: number, indent: string): readonly string[] | undefined {
  if (indent === '') return ['apiVersion', 'kind', 'metadata', 'spec'];
  const path = pathAt(lines, line);
  if (path.length === 1 && path[0] === 'metadata') return META;
  const fields = KINDS[kindAt(lines, line)];
  if (fields === undefined) return undefined;
  // Lists are known by their field: whatever is inside is one of their items.
  const wanted = path.join('>');
  const found = Object.keys(fields).find((key) => key.replaceAll('[]', '') === wanted);
  return found === undefined ? undefined : fields[found];
}
