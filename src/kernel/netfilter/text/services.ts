/**
 * Names of ports, as getservbyname(3) and getservbyport(3) know them: of Debian 12's /etc/services (netbase 6.4) those
 * that people write into rules.
 */

/** Name, port, protocols, other names. */
const SERVICES: readonly (readonly [name: string, port: number, protocols: string, aliases?: string])[] = [
  ['ftp-data', 20, 'tcp'],
  ['ftp', 21, 'tcp'],
  ['ssh', 22, 'tcp'],
  ['telnet', 23, 'tcp'],
  ['smtp', 25, 'tcp', 'mail'],
  ['domain', 53, 'tcp udp'],
  ['bootps', 67, 'udp'],
  ['bootpc', 68, 'udp'],
  ['tftp', 69, 'udp'],
  ['http', 80, 'tcp', 'www'],
  ['kerberos', 88, 'tcp udp', 'kerberos5 krb5 kerberos-sec'],
  ['pop3', 110, 'tcp', 'pop-3'],
  ['sunrpc', 111, 'tcp udp', 'portmapper'],
  ['auth', 113, 'tcp', 'authentication tap ident'],
  ['nntp', 119, 'tcp', 'readnews untp'],
  ['ntp', 123, 'udp'],
  ['netbios-ns', 137, 'udp'],
  ['netbios-dgm', 138, 'udp'],
  ['netbios-ssn', 139, 'tcp'],
  ['imap2', 143, 'tcp', 'imap'],
  ['snmp', 161, 'tcp udp'],
  ['snmp-trap', 162, 'tcp udp', 'snmptrap'],
  ['bgp', 179, 'tcp'],
  ['ldap', 389, 'tcp udp'],
  ['https', 443, 'tcp udp'],
  ['microsoft-ds', 445, 'tcp'],
  ['kpasswd', 464, 'tcp udp'],
  ['isakmp', 500, 'udp'],
  ['syslog', 514, 'udp'],
  ['submission', 587, 'tcp'],
  ['ldaps', 636, 'tcp udp'],
  ['domain-s', 853, 'tcp udp'],
  ['rsync', 873, 'tcp'],
  ['imaps', 993, 'tcp'],
  ['pop3s', 995, 'tcp'],
  ['socks', 1080, 'tcp'],
  ['openvpn', 1194, 'tcp udp'],
  ['ms-sql-s', 1433, 'tcp'],
  ['l2f', 1701, 'udp', 'l2tp'],
  ['radius', 1812, 'tcp udp'],
  ['radius-acct', 1813, 'tcp udp', 'radacct'],
  ['nfs', 2049, 'tcp udp'],
  ['iscsi-target', 3260, 'tcp'],
  ['mysql', 3306, 'tcp'],
  ['ipsec-nat-t', 4500, 'udp'],
  ['sip', 5060, 'tcp udp'],
  ['sip-tls', 5061, 'tcp udp'],
  ['mdns', 5353, 'udp'],
  ['postgresql', 5432, 'tcp', 'postgres'],
  ['amqps', 5671, 'tcp'],
  ['amqp', 5672, 'tcp sctp'],
  ['redis', 6379, 'tcp'],
  ['http-alt', 8080, 'tcp', 'webcache'],
  ['git', 9418, 'tcp'],
];

/** Of any protocol where none is named. */
export function portOfService(name: string, protocol?: string): number | undefined {
  return SERVICES.find(
    ([known, , protocols, aliases = '']) =>
      (known === name || aliases.split(' ').includes(name)) &&
      name !== '' &&
      (protocol === undefined || protocols.split(' ').includes(protocol)),
  )?.[1];
}

export const serviceOfPort = (port: number, protocol: string): string | undefined =>
  SERVICES.find(([, known, protocols]) => known === port && protocols.split(' ').includes(protocol))?.[0];
