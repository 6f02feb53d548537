/** Colours of the picture, read from the style sheet so that both have the same. */

import type { Protocol } from '../state/frames.js';

export interface Colours {
  readonly ground: string;
  readonly surface: string;
  readonly raised: string;
  readonly line: string;
  readonly strongLine: string;
  readonly text: string;
  readonly quiet: string;
  readonly accent: string;
  readonly bad: string;
  readonly good: string;
  readonly tunnel: string;
  readonly protocols: Readonly<Record<Protocol, string>>;
}

export function readColours(): Colours {
  const style = getComputedStyle(document.documentElement);
  const of = (name: string): string => style.getPropertyValue(`--${name}`).trim();
  const other = of('quiet');
  return {
    ground: of('ground'),
    surface: of('surface'),
    raised: of('raised'),
    line: of('line'),
    strongLine: of('strong-line'),
    text: of('text'),
    quiet: other,
    accent: of('accent'),
    bad: of('bad'),
    good: of('good'),
    tunnel: of('tunnel'),
    protocols: {
      tcp: of('tcp'),
      udp: of('udp'),
      icmp: of('icmp'),
      arp: of('arp'),
      dns: of('dns'),
      bgp: of('bgp'),
      http: of('tcp'),
      sctp: other,
      other,
    },
  };
}
