/** The face of `services`: what runs in a cluster on behalf of Services. */

export { type EndpointContext } from './endpointslice/context.js';
export { EndpointSliceController, type ServiceSlices } from './endpointslice/controller.js';
export { targetPortOf } from './endpointslice/ports.js';
export { type DnsOutcome, type DnsQuery, sendQuery } from './dns/client.js';
export { configureCoreDns, type CoreDns, type CoreDnsRequest, startCoreDns } from './dns/core-dns.js';
export type { CorefileNote } from './dns/corefile/plugins.js';
export { CorefileError } from './dns/corefile/parse.js';
export { Directory, type DirectorySource } from './dns/kubernetes/directory.js';
export { canonical, dotted, isBelow } from './dns/name.js';
export { formatData, formatName, formatRecord, formatType } from './dns/presentation.js';
export { rcodeName } from './dns/rcode.js';
export { reverseName } from './dns/reverse.js';
export type { DnsServer } from './dns/server.js';
export { FAILURE_TEXT, type Resolution, type ResolverRequest, StubResolver } from './resolver/resolver.js';
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
export {
  type HttpRequest,
  type HttpResponse,
  parseResponseHead,
  type ResponseHead,
  splitHead,
} from './http/message.js';
export { type HttpAnswer, serveAnything, serveHttp } from './http/server.js';
export { civilTime, civilTimeAt, httpDate, isoTime } from './http/date.js';
export { awaitHttp, exchangeHttp, type HttpExchange, type HttpResult } from './http/client.js';
