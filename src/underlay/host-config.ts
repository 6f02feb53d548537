/**
 * `kind: HostConfig`, `apiVersion: podwire.dev/v1alpha1`: what somebody programmed on machines by hand:
 * files, switches, firewall rules, sets, routes, listeners. It comes on top of what the components do.
 */

import { type KindDefinition, schema, type Value } from '../kubernetes/index.js';

import { PODWIRE_GROUP } from './document.js';

const { address, cidr, count, listOf, mapOf, oneOf, optional, port, record, text, withDefault } = schema;

export const hostConfigBody = record({
  spec: record(
    {
      /** Machines by name; none and no selector means every node. */
      hosts: listOf(text),
      /** Labels that a Node must have. */
      nodeSelector: mapOf(text),
      /** Path to content: `/etc/cni/net.d/10-bridge.conflist`, `/etc/resolv.conf`. */
      files: mapOf(text),
      /** Lines for `ip -batch`, or `bridge` with that word before them: links, addresses, routes, rules, neighbours. */
      ip: optional(text),
      sysctls: mapOf(text),
      /** Text for `iptables-restore --noflush`. */
      iptables: optional(text),
      /** Text for `ipset restore`. */
      ipsets: optional(text),
      routes: listOf(
        record({ to: cidr, via: optional(address), dev: optional(text), metric: optional(count) }, { closed: true }),
      ),
      listen: listOf(
        record(
          { protocol: withDefault(oneOf('tcp', 'udp', 'sctp'), 'tcp'), port, address: optional(address) },
          { closed: true },
        ),
      ),
      /** A DNS server: the Corefile of a CoreDNS that runs there. */
      corefile: optional(text),
    },
    { closed: true },
  ),
});

export type HostConfigSpec = Value<typeof hostConfigBody>['spec'];

export const hostConfigKind: KindDefinition<Value<typeof hostConfigBody>> = {
  kind: 'HostConfig',
  groups: [PODWIRE_GROUP],
  namespaced: false,
  body: hostConfigBody,
};
