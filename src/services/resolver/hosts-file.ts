/** /etc/hosts as glibc's `files` reads it (nss/nss_files/files-hosts.c, hosts(5)). */

import { formatIp, type IpAddress, parseIp } from '../../kubernetes/index.js';

export interface HostsLine {
  readonly address: IpAddress;
  /** The canonical name first. */
  readonly names: readonly string[];
}

export const parseHostsFile = (text: string): readonly HostsLine[] =>
  text.split('\n').flatMap((line) => {
    const [first = '', ...names] = line.replace(/#.*/, '').trim().split(/\s+/);
    const address = parseIp(first.replace(/%.*/, ''));
    return address === undefined || names.length === 0 ? [] : [{ address, names }];
  });

const same = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();

export const linesOfName = (lines: readonly HostsLine[], name: string): readonly HostsLine[] =>
  lines.filter(({ names }) => names.some((one) => same(one, name)));

export const linesOfAddress = (lines: readonly HostsLine[], address: IpAddress): readonly HostsLine[] =>
  lines.filter((line) => formatIp(line.address) === formatIp(address));
