/** The face of `services`: what runs in a cluster on behalf of Services. */

export { EndpointSliceController } from './endpointslice/controller.js';
export { targetPortOf } from './endpointslice/ports.js';
export { type DnsOutcome, sendQuery } from './dns/client.js';
export { configureCoreDns, type CoreDns, startCoreDns } from './dns/core-dns.js';
export { Directory } from './dns/kubernetes/directory.js';
export { canonical, isBelow } from './dns/name.js';
export { formatData, formatName, formatRecord, formatType } from './dns/presentation.js';
export { rcodeName } from './dns/rcode.js';
export { reverseName } from './dns/reverse.js';
export { FAILURE_TEXT, type Resolution, StubResolver } from './resolver/resolver.js';
export { parseAddressRange } from './load-balancer/address-range.js';
export { Allocator, type Pool, withoutAnnotations } from './load-balancer/allocator.js';
export { Balancer } from './load-balancer/cloud/balancer.js';
export { frontOf, targetsOf } from './load-balancer/cloud/front.js';
export { BgpSpeakers } from './load-balancer/metallb/bgp.js';
export { type MetalLbConfiguration, metalLbConfiguration } from './load-balancer/metallb/configuration.js';
export { type Assignment, Speakers } from './load-balancer/metallb/speakers.js';
export { parseResolvConf, type ResolvConf } from './resolver/resolv-conf.js';
export type { LookupFailure } from './resolver/search.js';
export type { SentQuery } from './resolver/transaction.js';
export { type HttpAnswer, serveAnything } from './http/server.js';
export { civilTime, civilTimeAt, isoTime } from './http/date.js';
export { awaitHttp, exchangeHttp, type HttpResult } from './http/client.js';
