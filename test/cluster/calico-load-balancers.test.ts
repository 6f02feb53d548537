/** Addresses that Calico's kube-controllers give to Services of the type LoadBalancer. */

import t from 'tap';
import { addressesByHandle, formatAddress, loadBalancerHandle } from '../../src/calico/index.js';
import { formatIp } from '../../src/kubernetes/index.js';
import { RoutedCluster } from '../../src/routing/index.js';
import { clusterLike, sourcesOf, traceIn } from '../routing/clusters.js';
import { outputOf } from '../tools/run-in.js';

const pool = (more = ''): string => `
apiVersion: projectcalico.org/v3
kind: IPPool
metadata: {name: lb}
spec: {cidr: 198.51.100.128/26, blockSize: 29, allowedUses: [LoadBalancer]${more}}
`;

interface Wish {
  readonly name?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly class?: string;
}

const service = ({ name = 'fresh', annotations = {}, class: loadBalancerClass }: Wish = {}): string =>
  `---\n${JSON.stringify({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'shop', annotations },
    spec: { type: 'LoadBalancer', selector: { app: 'web' }, ports: [{ port: 80 }], loadBalancerClass },
  })}\n`;

const announcing = (text: string): string =>
  text.replace('[{cidr: 198.51.100.64/26}]', '[{cidr: 198.51.100.64/26}, {cidr: 198.51.100.128/26}]');

const clusterWith = (more: string): RoutedCluster => clusterLike('bgp-services', more, announcing);

const addressesOf = (cluster: RoutedCluster, name = 'fresh'): string[] =>
  (cluster.store.get('Service', 'shop', name)?.status.loadBalancer.ingress ?? []).flatMap(({ ip }) =>
    ip === undefined ? [] : [formatIp(ip)],
  );

const told = (cluster: RoutedCluster, name = 'fresh'): string[] =>
  cluster.findings
    .filter(({ object, code }) => object === `Service shop/${name}` && /address/.test(code))
    .map(({ message }) => message)
    .filter((message) => !message.includes('the API server would draw'));

t.test('a Service gets an address of the pool, which is announced and leads to it', async (t) => {
  const cluster = clusterWith(pool() + service());
  const [address = ''] = addressesOf(cluster);
  t.match(address, /^198\.51\.100\.1[2-9]\d$/);
  t.same(told(cluster), [`${address} is assumed: what Calico gives first`]);
  t.equal(traceIn(cluster, ['host/customer', `${address}:80`]).verdict, 'answered');
  t.match(outputOf(cluster, 'node/node1', 'calicoctl ipam check'), /affinity=virtual:load-balancer/);
  const shown = outputOf(cluster, 'node/node1', `calicoctl ipam show --ip=${address}`);
  t.match(shown, /namespace: shop/);
  t.match(shown, /service: fresh/);
});

t.test('without a pool for load balancers it stays pending', async (t) => {
  const cluster = clusterWith(service());
  t.same(addressesOf(cluster), []);
  t.match(told(cluster), [/stays <pending>: no provider of load balancers is known/]);
});

t.test('what a Service asks for by annotations', async (t) => {
  const asking = (annotations: Readonly<Record<string, string>>): RoutedCluster =>
    clusterWith(pool() + service({ annotations }));
  const wanted = asking({ 'projectcalico.org/loadBalancerIPs': '["198.51.100.140"]' });
  t.same(addressesOf(wanted), ['198.51.100.140']);
  const outside = asking({ 'projectcalico.org/loadBalancerIPs': '["203.0.113.200"]' });
  t.same(addressesOf(outside), []);
  t.match(told(outside), [/stays <pending>: Calico: The provided IP address is not in a configured pool/]);
  const two = asking({ 'projectcalico.org/loadBalancerIPs': '["198.51.100.140", "198.51.100.141"]' });
  t.match(told(two), [/at max only one ipv4/]);
  t.match(told(asking({ 'projectcalico.org/loadBalancerIPs': '["a"]' })), [/could not parse a as a valid IP address/]);
  t.match(addressesOf(asking({ 'projectcalico.org/ipv4pools': '["lb"]' })), [/^198\.51\.100\.1/]);
  t.match(told(asking({ 'projectcalico.org/ipv4pools': '["none"]' })), [/error parsing pool "none"/]);
});

t.test('classes and the controller’s setting say whose Services are Calico’s', async (t) => {
  const setting = (loadBalancer: string): string =>
    `---\napiVersion: projectcalico.org/v3\nkind: KubeControllersConfiguration\nmetadata: {name: default}\nspec: {controllers: {${loadBalancer}}}\n`;
  const given = (more: string): boolean => addressesOf(clusterWith(pool() + more)).length > 0;
  t.equal(given(service({ class: 'calico' })), true);
  t.equal(given(service({ class: 'example.com/other' })), false);
  t.equal(given(service() + setting('loadBalancer: {assignIPs: AllServices}')), true);
  t.equal(given(service() + setting('node: {}')), false, 'the controller does not run');
  const requested = setting('loadBalancer: {assignIPs: RequestedServicesOnly}');
  t.equal(given(service() + requested), false);
  t.equal(given(service({ class: 'calico' }) + requested), true);
  t.equal(given(service({ annotations: { 'projectcalico.org/ipv4pools': '["lb"]' } }) + requested), true);
});

t.test('addresses of a status stay where they are of the pool, and are replaced where they are not', async (t) => {
  const cluster = clusterLike('bgp-services', pool(), (text) =>
    announcing(text).replace('ingress: [{ip: 198.51.100.70}]', 'ingress: [{ip: 198.51.100.150}]'),
  );
  t.same(addressesOf(cluster, 'web'), ['198.51.100.150']);
  t.same(told(cluster, 'web'), []);
  const other = clusterWith(pool());
  t.match(told(other, 'web'), [/in the place of 198\.51\.100\.70, which it may not have/]);
  t.match(addressesOf(other, 'web'), [/^198\.51\.100\.1[2-9]\d$/]);
});

t.test('an address stays with its Service, and is given back with it', async (t) => {
  const more = (text: string) => ({ file: 'more.yaml', text });
  const own = sourcesOf('bgp-services').map(({ file, text }) => ({ file, text: announcing(text) }));
  const cluster = new RoutedCluster([...own, more(pool() + service() + service({ name: 'second' }))]);
  const [before] = addressesOf(cluster);
  const [second] = addressesOf(cluster, 'second');
  t.not(before, second);
  const outcome = cluster.change([...own, more(pool() + service({ name: 'second' }) + service({ name: 'a-third' }))]);
  t.equal(outcome.kind, 'changed');
  t.same(addressesOf(cluster, 'second'), [second]);
  t.equal(cluster.store.get('Service', 'shop', 'fresh'), undefined);
  const third = cluster.store.get('Service', 'shop', 'a-third');
  t.notMatch(addressesOf(cluster, 'a-third'), [second]);
  const ipam = cluster.ipam?.ipam;
  if (third === undefined || ipam === undefined) return;
  t.same(addressesByHandle(ipam, loadBalancerHandle(third)).map(formatAddress), addressesOf(cluster, 'a-third'));
  t.equal(
    ipam
      .blocks()
      .flatMap((block) => block.allocatedAddresses().map(formatAddress))
      .includes(before ?? ''),
    false,
  );
});

t.test('with the last pool the addresses go', async (t) => {
  const own = sourcesOf('bgp-services').map(({ file, text }) => ({ file, text: announcing(text) }));
  const more = (text: string) => ({ file: 'more.yaml', text });
  const before = new RoutedCluster([...own, more(pool() + service())]);
  const [address] = addressesOf(before);
  const again = new RoutedCluster([...own, more(pool() + service())], { recorded: before.recorded });
  t.same(addressesOf(again), [address], 'it stays in a cluster that is built anew');
  const without = new RoutedCluster([...own, more(service())], { recorded: before.recorded });
  t.same(addressesOf(without), []);
  t.match(told(without), [/stays <pending>/]);
});

t.test('an address goes where a Service asks for another', async (t) => {
  const own = sourcesOf('bgp-services').map(({ file, text }) => ({ file, text: announcing(text) }));
  const asking = (annotations: Readonly<Record<string, string>>) => [
    ...own,
    { file: 'more.yaml', text: pool() + service({ annotations }) },
  ];
  const cluster = new RoutedCluster(asking({}));
  const [before = ''] = addressesOf(cluster);
  t.not(before, '198.51.100.140');
  cluster.change(asking({ 'projectcalico.org/loadBalancerIPs': '["198.51.100.140"]' }));
  t.same(addressesOf(cluster), ['198.51.100.140']);
  const inUse = (): string[] =>
    cluster.ipam?.ipam.blocks().flatMap((block) => block.allocatedAddresses().map(formatAddress)) ?? [];
  t.notOk(inUse().includes(before), 'the other is given back');
  cluster.change(asking({ 'projectcalico.org/loadBalancerIPs': 'nonsense' }));
  t.same(addressesOf(cluster), ['198.51.100.140'], 'what cannot be read changes nothing');
});
