/**
 * confd's files against upstream's: its own expected files (blank lines do not count there either), and files
 * that its v3.32.1 binary wrote for scenarios of our own, byte for byte. The input goes through the public
 * loader and comes out of the store.
 */

import t, { type Test } from 'tap';
import { ConfdDatastore } from '../../../src/calico/datastore/confd.js';
import { confdHost, confdOptions } from '../../../src/calico/datastore/daemons.js';
import { parseEndpointStatus } from '../../../src/calico/datastore/bgp.js';
import { storedIpam } from '../../../src/calico/datastore/ipam.js';
import { ConfdCluster } from '../../../src/calico/confd/cluster.js';
import type { LocalWorkloadPeer } from '../../../src/calico/confd/model.js';
import { CONFD_FILES, type ConfdFile, renderConfd } from '../../../src/calico/confd/render.js';
import { loadCluster, type SourceText } from '../../../src/kubernetes/index.js';
import { hasVector, type Json, listVectors, loadVector, NEEDS_VECTORS, readVector } from './vectors.js';

const INPUTS = ['input.yaml', 'input2.yaml', 'k8s.yaml'];

interface Case {
  readonly folder: string;
  readonly meta: Json;
}

/** What Felix would have written to the node: upstream's test brings it as files. */
function workloadPeers({ folder, meta }: Case): ReadonlyMap<string, readonly LocalWorkloadPeer[]> | undefined {
  if (!hasVector(`${folder}/endpoint-status`)) return undefined;
  const peers = listVectors(`${folder}/endpoint-status`).flatMap(
    (file) => parseEndpointStatus(readVector(`${folder}/endpoint-status/${file}`)) ?? [],
  );
  return new Map([[meta.get('node').text(), peers]]);
}

function render(one: Case): Readonly<Record<ConfdFile, string>> | undefined {
  const { folder, meta } = one;
  const sources = INPUTS.filter((file) => hasVector(`${folder}/${file}`)).map(
    (file): SourceText => ({ file, text: readVector(`${folder}/${file}`) }),
  );
  const { store, errors } = loadCluster(sources, { seed: 1 });
  if (errors.length > 0) throw new Error(JSON.stringify(errors));
  const environment = { ...meta.get('env').labels(), NAMESPACE: meta.get('namespace').textOr('kube-system') };
  const datastore = new ConfdDatastore(store, storedIpam(store), confdOptions(environment));
  const peers = workloadPeers(one);
  const cluster =
    peers === undefined
      ? datastore.cluster
      : new ConfdCluster({ ...datastore.cluster.resources, workloadPeers: peers });
  return renderConfd(cluster, confdHost(environment, meta.get('node').text()));
}

const withoutBlankLines = (text: string): string => text.replace(/^[ \t]*\n/gm, '');

function compare(t: Test, one: Case, form: (text: string) => string): void {
  const rendered = render(one);
  for (const file of CONFD_FILES) {
    const path = `${one.folder}/expected/${file}`;
    if (hasVector(path)) t.equal(form(rendered?.[file] ?? ''), form(readVector(path)), file);
  }
  const sessions = one.meta.get('expectProtocolBgpCountInBirdCfg');
  if (!sessions.absent) {
    const count = rendered?.['bird.cfg'].match(/^protocol bgp /gm)?.length ?? 0;
    t.equal(count, sessions.number(), 'sessions in bird.cfg');
  }
}

const cases = (folder: string): Case[] =>
  loadVector(`${folder}/index.json`)
    .list()
    .map((meta) => ({ folder: `${folder}/${meta.get('name').text()}`, meta }));

t.test('the files that upstream expects of its confd', NEEDS_VECTORS, async (t) => {
  for (const one of cases('confd')) {
    await t.test(one.folder, async (t) => compare(t, one, withoutBlankLines));
  }
});

t.test('the files that confd v3.32.1 wrote, byte for byte', NEEDS_VECTORS, async (t) => {
  for (const one of cases('confd-generated')) {
    await t.test(one.folder, async (t) => compare(t, one, (text) => text));
  }
});
