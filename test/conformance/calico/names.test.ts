import t from 'tap';
import {
  bgpFilterName,
  ipsetName,
  lengthLimitedId,
  routerIdHash,
  ruleHashes,
  uniqueId,
  vethName,
  vtepMac,
} from '../../../src/calico/names.js';
import { formatMac } from '../../../src/packet/index.js';
import { loadVector, NEEDS_VECTORS } from './vectors.js';

t.test('names, MAC addresses and hashes are those of Calico', NEEDS_VECTORS, async (t) => {
  const vectors = loadVector('hash/vectors.json');

  for (const one of vectors.get('vethName').list()) {
    const [namespace, pod, prefix] = [one.get('namespace').text(), one.get('pod').text(), one.get('prefix').text()];
    t.equal(vethName(namespace, pod, prefix), one.get('veth').text(), `veth of ${namespace}/${pod}`);
  }
  for (const one of vectors.get('vtepMAC').list()) {
    const node = one.get('node').text();
    t.equal(formatMac(vtepMac(node)), one.get('v4').text(), `VTEP of ${node}`);
    t.equal(formatMac(vtepMac(node, 6)), one.get('v6').text(), `IPv6 VTEP of ${node}`);
  }
  for (const one of vectors.get('lengthLimitedID').list()) {
    const [prefix, suffix, max] = [one.get('prefix').text(), one.get('suffix').text(), one.get('max').number()];
    t.equal(lengthLimitedId(prefix, suffix, max), one.get('result').text(), `${prefix}${suffix} in ${max}`);
  }
  for (const one of vectors.get('uniqueID').list()) {
    const id = uniqueId(one.get('prefix').text(), one.get('content').text());
    t.equal(id, one.get('id').text());
    t.equal(ipsetName(id), one.get('ipset4').text());
    t.equal(ipsetName(id, 6), one.get('ipset6').text());
  }
  for (const one of vectors.get('ruleHash').list()) {
    const chain = one.get('chain').text();
    t.same(ruleHashes(chain, one.get('rulesForHash').texts()), one.get('hashes').texts(), `rules of ${chain}`);
  }
  for (const one of vectors.get('routerIdHash').list()) {
    t.equal(routerIdHash(one.get('node').text()), one.get('routerId').text());
  }
  for (const one of vectors.get('bgpFilterName').list()) {
    t.equal(bgpFilterName(one.get('name').text(), one.get('max').number()), one.get('truncated').text());
  }
});
